-- One row per ledger, account and longest stretch of days on which it pays in any currency, and how it came to pay.
with marked as (
    select
        *,
        from_date > 1 + max(to_date) over (
            partition by tenant_id, ledger, account_id order by from_date, to_date
            rows between unbounded preceding and 1 preceding
        ) as is_start
    from {{ ref('int_mrr_spells') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

islands as (
    -- By range, not by rows: two equal ranges are one island, whichever of them the window above met first.
    select
        *,
        count(*) filter (where is_start) over (
            partition by tenant_id, ledger, account_id order by from_date, to_date range unbounded preceding
        ) as island
    from marked
),

spells as (
    select
        tenant_id, ledger, account_id, min(from_date) as from_date, max(to_date) as to_date,
        max(as_of) as as_of
    from islands
    group by tenant_id, ledger, account_id, island
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
