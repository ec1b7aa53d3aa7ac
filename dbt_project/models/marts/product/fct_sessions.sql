select
    tenant_id,
    session_id,
    user_id,
    anonymous_id,
    account_id,
    started_at,
    ended_at,
    session_date,
    events
from {{ source('silver_product', 'sessions') }}
