with planned as (
    select tenant_id, feature
    from {{ source('control', 'plan_features') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
)

select
    tenant_id,
    feature,
    used.first_used_date,
    planned.feature is not null as is_planned
from {{ ref('int_features') }} as used
full join planned using (tenant_id, feature)
