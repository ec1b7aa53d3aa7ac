-- What was told before stays (control.restatements); of the publication that is served now, what its complete months turn
-- out to be by what is known since, cause by cause. Computed again by each run until the new figures are published.
with chain as (
    select
        tenant_id, step, what as cause, ledger,
        lag(ledger) over (partition by tenant_id order by step) as ledger_before,
        step = max(step) over (partition by tenant_id) as is_last
    from {{ ref('int_named_ledgers') }}
    where chain = 'restatement' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

served as (
    select tenant_id, month, currency, {{ figure_rows() }}
    from {{ source('control', 'published_months') }}
    where is_complete and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

ledger_figures as (
    select tenant_id, ledger, month, currency, {{ figure_rows() }}
    from {{ ref('int_revenue_monthly') }}
),

-- Figures in another currency than before are others: no step between the two can be told, so the last one is all of it.
-- A tenant with nothing left still reports in what it has set.
moved as (
    select distinct served.tenant_id
    from served
    inner join {{ source('control', 'settings') }} as settings using (tenant_id)
    left join (
        select distinct tenant_id, reporting_currency from {{ ref('int_reporting_rates') }}
    ) as reporting using (tenant_id)
    where served.currency is distinct from coalesce(settings.reporting_currency, reporting.reporting_currency)
),

steps as (
    select
        served.tenant_id, served.month, served.currency, served.figure, chain.cause,
        case when chain.ledger_before is null or moved.tenant_id is not null
            then served.amount else before.amount end as before,
        after.amount as after
    from served
    inner join chain using (tenant_id)
    left join moved using (tenant_id)
    left join ledger_figures as before
        on served.tenant_id = before.tenant_id and chain.ledger_before = before.ledger and served.month = before.month
        and served.figure = before.figure and served.currency = before.currency
    left join ledger_figures as after
        on served.tenant_id = after.tenant_id and chain.ledger = after.ledger and served.month = after.month
        and served.figure = after.figure and served.currency = after.currency
    where moved.tenant_id is null or chain.is_last
)

select
    tenant_id, restated_version, figure, period, currency, cause, before, after, delta
from {{ source('control', 'restatements') }}
where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
union all
select
    steps.tenant_id, published.version, steps.figure, steps.month, steps.currency, steps.cause,
    steps.before, steps.after,
    coalesce(steps.after, 0) - coalesce(steps.before, 0)
from steps
inner join {{ source('control', 'published') }} as published using (tenant_id)
where steps.before is distinct from steps.after
