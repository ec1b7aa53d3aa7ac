-- Invoice lines of the touched tenants, as last known; those count for MRR that recur and were or will be paid.
select
    tenant_id, invoice_line_id, account_id, issued_at::date as issued_date, period_start, period_end, amount, currency,
    plan, recurring and status in ('paid', 'open') as is_counted
from {{ source('silver_billing', 'invoices') }}
where is_current and not is_deleted and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
