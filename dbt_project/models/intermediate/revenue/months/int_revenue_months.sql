-- One row per tenant, ledger and month of its revenue, from the first paid day to as_of: the day it closes on.
with ledgers as (
    select
        tenant_id, ledger, min(from_date) as first_paid_date, max(as_of) as as_of, min(ledger_end) as least_end
    from {{ ref('int_mrr_spells') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
    group by all
),

months as (
    select
        *,
        unnest(range(date_trunc('month', first_paid_date)::date, as_of + 1, interval 1 month))::date as month
    from ledgers
)

select
    tenant_id, ledger, basis, month, as_of,
    least(last_day(month) + snapshot_offset_days::integer, as_of) as closing_date,
    -- Nobody's ledger may end before the month does.
    last_day(month) + snapshot_offset_days::integer <= least_end as is_complete
from months
inner join {{ ref('int_ledgers') }} using (tenant_id, ledger)
