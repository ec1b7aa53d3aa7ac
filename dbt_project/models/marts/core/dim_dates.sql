with days as (
    select
        tenant_id,
        unnest(range(first_event_date, data_through + 1, interval 1 day))::date as date
    from {{ ref('int_tenants') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
)

select
    tenant_id,
    date,
    date_trunc('week', date)::date as week_start,
    date_trunc('month', date)::date as month,
    date_trunc('quarter', date)::date as quarter,
    year(date)::integer as year,
    isodow(date)::integer as day_of_week,
    isodow(date) > 5 as is_weekend
from days
