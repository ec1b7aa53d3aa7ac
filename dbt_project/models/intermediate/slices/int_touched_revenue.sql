-- Tenants whose billing records or policies moved: their ledger is computed anew, and nobody else's.
select tenant_id from {{ source('control', 'touched_revenue') }}
{% if flags.FULL_REFRESH %}
union
select tenant_id from {{ source('control', 'settings') }}
{% endif %}
