-- An event without its row of activity would be missing from fct_events without a trace.
select tenant_id, date, sum(events) as events, sum(resolved) as resolved
from (
    select tenant_id, event_date as date, 1 as events, 0 as resolved
    from {{ source('silver_product', 'events') }} as events
    where {{ in_scope('events', 'event_date') }}
    union all
    select tenant_id, event_date, 0, 1
    from {{ source('silver_product', 'activity') }} as activity
    where {{ in_scope('activity', 'event_date') }}
)
group by tenant_id, date
having sum(events) <> sum(resolved)
