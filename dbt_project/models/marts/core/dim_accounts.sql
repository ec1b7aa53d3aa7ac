with known as (
    select
        tenant_id, account_id, valid_from, valid_to, is_current, coalesce(name, account_id) as name, parent_account_id,
        segment, industry, country, csm, created_at, renewal_date, currency, licensed_seats, is_deleted,
        false as is_inferred
    from {{ ref('stg_crm__accounts') }}
),

-- Ids that only facts speak of, and the bucket of events that name no account.
inferred as (
    select tenant_id, account_id from {{ ref('int_accounts') }}
    union
    -- A restatement's steps know who paid by what is no longer held true: no fact names them.
    select tenant_id, account_id from {{ ref('int_paying_spells') }}
    where (tenant_id, ledger) in (
        select (tenant_id, ledger) from {{ ref('int_named_ledgers') }} where chain <> 'restatement'
    )
    union
    select tenant_id, 'unresolved' from {{ ref('int_tenants') }}
)

select * from known
union all by name
select
    inferred.tenant_id,
    inferred.account_id,
    timestamptz '1900-01-01 00:00:00+00' as valid_from,
    true as is_current,
    if(inferred.account_id = 'unresolved', 'Unresolved', inferred.account_id) as name,
    false as is_deleted,
    true as is_inferred
from inferred
where inferred.tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
    and not exists (
        select 1 from known where known.tenant_id = inferred.tenant_id and known.account_id = inferred.account_id
    )
