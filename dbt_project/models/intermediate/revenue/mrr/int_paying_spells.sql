-- One row per ledger, account and longest stretch of days on which it pays in any currency, and how it came to pay.
with touched as (
    select * from {{ ref('int_mrr_spells') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

spells as (
    {{ islands('touched', ['tenant_id', 'ledger', 'account_id'], 'max(as_of) as as_of') }}
),

followed as (
    select
        *,
        min(from_date) over (partition by tenant_id, ledger, account_id) as first_paid_date,
        lag(to_date) over (partition by tenant_id, ledger, account_id order by from_date) as previous_to_date
    from spells
)

select
    followed.* exclude (previous_to_date),
    case
        when previous_to_date is null then 'new'
        when from_date - previous_to_date - 1 > reactivation_window_days then 'new'
        else 'reactivation'
    end as starts_as
from followed
inner join {{ ref('int_ledgers') }} using (tenant_id, ledger)
