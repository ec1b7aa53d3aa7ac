-- An event without its row of activity would be missing from fct_events without a trace.
select tenant_id, date, sum(events) as events, sum(resolved) as resolved
from (
    select tenant_id, event_date as date, 1 as events, 0 as resolved
    from {{ in_scope(source('silver_product', 'events'), 'event_date') }} as events
    union all
    select tenant_id, event_date, 0, 1
    from {{ in_scope(source('silver_product', 'activity'), 'event_date') }} as activity
)
group by tenant_id, date
having sum(events) <> sum(resolved)
