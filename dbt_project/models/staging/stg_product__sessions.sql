-- Sessions of the touched slices only, with exact seconds (microseconds summed as integers downstream).
select
    tenant_id,
    session_date as date,
    account_id,
    epoch_us(ended_at) - epoch_us(started_at) as session_micros
from {{ in_slices(source('silver_product', 'sessions'), ref('int_touched'), 'session_date') }} as sessions
