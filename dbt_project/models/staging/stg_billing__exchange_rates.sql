-- Exchange rates of the touched tenants, as last known: each holds from its day on.
select tenant_id, from_currency, to_currency, date, rate
from {{ source('silver_billing', 'exchange_rates') }}
where is_current and not is_deleted and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
