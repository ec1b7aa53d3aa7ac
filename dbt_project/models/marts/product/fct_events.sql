select
    events.tenant_id,
    events.message_id,
    events.type,
    events.event,
    events.name,
    activity.user_id,
    events.user_id as raw_user_id,
    events.anonymous_id,
    activity.account_id,
    events.source_id,
    activity.feature,
    activity.plan_miss,
    activity.is_qualifying,
    activity.is_internal,
    events.event_time,
    events.event_date,
    events.received_at,
    events.properties
from {{ source('silver_product', 'events') }} as events
inner join {{ source('silver_product', 'activity') }} as activity
    on events.tenant_id = activity.tenant_id
    and events.event_date = activity.event_date
    and events.message_id = activity.message_id
