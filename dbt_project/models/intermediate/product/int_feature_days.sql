-- One row per feature and day on which anybody used it.
select distinct tenant_id, date, feature
from {{ ref('stg_product__usage') }}
where feature is not null and qualifying_events > 0
order by tenant_id, date
