-- Movements dated in a month, less the bridge's differences, are those of the month; of an account they add up to 0.
with months as (
    select
        tenant_id, month, closing_date,
        coalesce(lag(closing_date) over (partition by tenant_id order by month), date '1900-01-01') as opening_date
    from {{ in_scope(ref('int_revenue_months')) }} as audited
    where ledger = 'default'
),

sides as (
    select months.tenant_id, months.month, moves.movement_type, sum(moves.delta_minor) as minor
    from {{ in_scope(ref('fct_mrr_movements')) }} as moves
    inner join months
        on moves.tenant_id = months.tenant_id
        and moves.movement_date > months.opening_date and moves.movement_date <= months.closing_date
    group by all
    union all
    select tenant_id, month, movement_type, sum(month_minor - day_minor)
    from {{ in_scope(ref('fct_grain_bridge')) }} as audited
    group by all
    union all
    select
        tenant_id, month,
        unnest(['new', 'reactivation', 'expansion', 'contraction', 'churn', 'fx']),
        unnest([-new_minor, -reactivation_minor, -expansion_minor, contraction_minor, churn_minor, -fx_minor])
    from {{ in_scope(ref('fct_revenue_monthly')) }} as audited
)

select tenant_id, month, movement_type
from sides
group by all
having sum(minor) <> 0
union all
select tenant_id, month, account_id
from {{ in_scope(ref('fct_grain_bridge')) }} as audited
group by all
having sum(day_minor) <> sum(month_minor)
