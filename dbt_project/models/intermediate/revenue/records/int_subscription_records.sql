-- Billing records of the touched tenants by what was known (macros/revenue/bases.sql).
{%- set parts = billing_records('subscriptions') %}
with bases as (
    select tenant_id, basis from {{ ref('int_restatement_steps') }} where basis <> 'now' and not is_last
)
{{ records_by_basis(
    ref('stg_billing__subscriptions'), source('control', 'published_subscriptions'), parts[0], parts[1]
) }}
