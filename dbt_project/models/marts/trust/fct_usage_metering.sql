select
    tenant_id,
    source_id,
    date,
    hour,
    requests,
    events,
    bytes
from {{ source('silver_collector', 'usage') }}
