-- One row per feature that was ever used, of the touched tenants only: its first use.
select tenant_id, feature, min(date) as first_used_date
from {{ ref('int_feature_days') }}
where tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
group by all
