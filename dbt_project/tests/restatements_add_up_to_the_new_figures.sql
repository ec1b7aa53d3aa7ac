-- What the served publication said of a complete month and all restatements of it are what is said now.
with served as (
    select tenant_id, month, currency, {{ figure_rows() }}
    from {{ in_scope(source('control', 'published_months')) }} as audited
    where is_complete
),

now_ as (
    select tenant_id, month, currency, {{ figure_rows() }}
    from {{ in_scope(ref('fct_revenue_monthly')) }} as audited
),

restated as (
    select restated.tenant_id, period as month, currency, figure, sum(delta) as delta
    from {{ in_scope(ref('fct_restatements')) }} as restated
    inner join {{ source('control', 'published') }} as published
        on restated.tenant_id = published.tenant_id and restated.restated_version = published.version
    group by all
)

select served.tenant_id, served.month, served.figure
from served
left join now_ using (tenant_id, month, currency, figure)
left join restated using (tenant_id, month, currency, figure)
where coalesce(served.amount, 0) + coalesce(restated.delta, 0) <> coalesce(now_.amount, 0)
