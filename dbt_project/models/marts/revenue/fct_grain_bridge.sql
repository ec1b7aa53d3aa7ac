-- What happened inside a month and was over by its end is seen by the day and not by the month. Both lead from the same
-- opening to the same closing, so the differences of an account in a month add up to 0.
with months as (
    select
        tenant_id, month, closing_date,
        coalesce(lag(closing_date) over (partition by tenant_id order by month), date '1900-01-01') as opening_date
    from {{ ref('int_revenue_months') }}
    where ledger = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

accounts as (
    select * from {{ ref('int_month_accounts') }}
    where ledger = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

moves as (
    select
        moves.tenant_id, moves.account_id, months.month, moves.movement_type,
        moves.delta_minor as day_minor, 0 as month_minor, 1 as day_movements, 0 as month_movements
    from {{ ref('fct_mrr_movements') }} as moves
    inner join months
        on moves.tenant_id = months.tenant_id
        and moves.movement_date > months.opening_date and moves.movement_date <= months.closing_date
    union all
    select tenant_id, account_id, month, movement, 0, after_new - before_new, 0, 1
    from accounts
    where movement is not null
    union all
    select tenant_id, account_id, month, 'fx', 0, before_new - before_old, 0, 1
    from accounts
    where look_back = 1 and before_new <> before_old
)

select
    tenant_id, account_id, month, movement_type,
    sum(day_minor)::bigint as day_minor,
    sum(month_minor)::bigint as month_minor,
    sum(day_movements)::bigint as day_movements,
    sum(month_movements)::bigint as month_movements
from moves
group by all
having sum(day_minor) <> sum(month_minor)
    -- A customer who left and came back at no amount moved all the same.
    or (movement_type in ('new', 'reactivation', 'churn') and sum(day_movements) <> sum(month_movements))
