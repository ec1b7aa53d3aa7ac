-- Tenants of which anything moved: tables that are small per tenant are replaced tenant by tenant.
select tenant_id from {{ ref('int_touched') }}
union
select tenant_id from {{ source('control', 'touched_tenants') }}
