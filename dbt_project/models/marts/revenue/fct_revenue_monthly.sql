select * exclude (profile)
from {{ ref('fct_revenue_monthly_profiles') }}
where profile = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
