-- One row per account that was seen in events, in CRM or in billing: when its rows start.
with seen as (
    select tenant_id, account_id, min(date) as first_event_date
    from {{ ref('int_user_days') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
    group by all
),

known as (
    -- The earliest creation that any version says.
    select tenant_id, account_id, min(created_at)::date as created_date
    from {{ ref('stg_crm__accounts') }}
    group by all
),

paid as (
    select tenant_id, account_id, min(first_paid_date) as first_paid_date
    from {{ ref('int_paying_spells') }}
    where ledger = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
    group by all
)

select
    tenant_id,
    account_id,
    seen.first_event_date,
    -- An account of which nobody says since when was there from the beginning: when its record landed says nothing of it.
    greatest(
        coalesce(least(seen.first_event_date, known.created_date, paid.first_paid_date), tenants.first_event_date),
        tenants.first_event_date
    ) as start_date
from seen
full join known using (tenant_id, account_id)
full join paid using (tenant_id, account_id)
inner join {{ ref('int_tenants') }} as tenants using (tenant_id)
where tenants.first_event_date is not null
