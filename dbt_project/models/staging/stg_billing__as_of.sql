-- How far the billing records of the touched tenants go.
select tenant_id, object, as_of, is_told
from {{ source('silver_billing', 'as_of') }}
where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
