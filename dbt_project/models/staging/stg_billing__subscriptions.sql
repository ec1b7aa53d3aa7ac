-- Periods of subscriptions of the touched tenants, as last known.
select
    tenant_id, subscription_id, start_date, account_id, plan, end_date, amount, list_amount, currency, "interval",
    interval_count, status, canceled_at::date as canceled_date, updated_at, valid_from
from {{ source('silver_billing', 'subscriptions') }}
where is_current and not is_deleted and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
