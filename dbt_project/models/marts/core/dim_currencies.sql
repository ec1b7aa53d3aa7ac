with reporting as (
    select distinct tenant_id, reporting_currency
    from {{ ref('int_reporting_rates') }}
    where basis = 'now' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

named as (
    select tenant_id, currency from {{ ref('stg_billing__subscriptions') }}
    union
    select tenant_id, currency from {{ ref('stg_billing__invoices') }} where is_counted
    union
    select tenant_id, from_currency from {{ ref('stg_billing__exchange_rates') }}
    union
    select tenant_id, to_currency from {{ ref('stg_billing__exchange_rates') }}
    union
    select tenant_id, reporting_currency from reporting where reporting_currency is not null
)

select
    named.tenant_id, named.currency, known.name, known.digits as minor_digits,
    coalesce(named.currency = reporting.reporting_currency, false) as is_reporting
from named
inner join {{ source('control', 'currencies') }} as known on named.currency = known.code
left join reporting using (tenant_id)
