-- Billing records of the touched tenants by what was known (macros/revenue/bases.sql).
{%- set parts = billing_records('invoices') %}
with bases as (
    select tenant_id, basis from {{ ref('int_restatement_steps') }} where basis <> 'now' and not is_last
)
{{ records_by_basis(
    ref('stg_billing__invoices'), source('control', 'published_invoices'), parts[0], parts[1]
) }}
