-- Where each tenant's spines start and end, and its policy values.
select
    settings.tenant_id,
    coverage.first_event_date,
    coverage.data_through,
    settings.trend_min_events
from {{ source('control', 'settings') }} as settings
left join {{ source('silver_product', 'coverage') }} as coverage using (tenant_id)
