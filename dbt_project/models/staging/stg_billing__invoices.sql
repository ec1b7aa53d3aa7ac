-- Invoice lines of the touched tenants that touch MRR: recurring ones that were or will be paid, as last known.
select
    tenant_id, invoice_line_id, account_id, issued_at::date as issued_date, period_start, period_end, amount, currency,
    plan
from {{ source('silver_billing', 'invoices') }}
where is_current and not is_deleted and recurring and status in ('paid', 'open')
    and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
