-- Exchange rates of the touched tenants by what was known (macros/bases.sql): from each day on, until the next one.
{%- set parts = billing_records('exchange_rates') %}
with bases as (
    select tenant_id, basis from {{ ref('int_restatement_steps') }} where basis <> 'now' and not is_last
),

known as (
    {{ records_by_basis(
        ref('stg_billing__exchange_rates'), source('control', 'published_exchange_rates'), parts[0], parts[1]
    ) }}
)

select
    * exclude (date),
    date as from_date,
    coalesce(
        lead(date) over (partition by tenant_id, basis, from_currency, to_currency order by date) - 1, date '2999-12-31'
    ) as to_date
from known
