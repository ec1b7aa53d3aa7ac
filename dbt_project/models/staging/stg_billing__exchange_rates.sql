-- Exchange rates of the touched tenants, as last known: from each day on, until the next one.
select
    tenant_id, from_currency, to_currency, date as from_date, rate,
    coalesce(
        lead(date) over (partition by tenant_id, from_currency, to_currency order by date) - 1, date '2999-12-31'
    ) as to_date
from {{ source('silver_billing', 'exchange_rates') }}
where is_current and not is_deleted and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
