-- Exchange rates of the touched tenants by what was known (macros/revenue/bases.sql): from each day on, until the next.
{%- set parts = billing_records('exchange_rates') %}
with bases as (
    select tenant_id, basis from {{ ref('int_restatement_steps') }} where basis <> 'now' and not is_last
),

known as (
    {{ records_by_basis(
        ref('stg_billing__exchange_rates'), source('control', 'published_exchange_rates'), parts[0], parts[1]
    ) }}
),

firsts as (
    select tenant_id, basis, from_currency, to_currency, min(date) as first_date
    from known
    group by all
),

-- A step that brings a currency before its first rate is known (the rate is the late record) takes the later rate: without
-- one it would have no figures at all, and the cause of every change would be the rate.
lent as (
    select bases.basis, rates.* exclude (basis)
    from known as rates
    inner join bases using (tenant_id)
    left join firsts
        on bases.tenant_id = firsts.tenant_id and bases.basis = firsts.basis
        and rates.from_currency = firsts.from_currency and rates.to_currency = firsts.to_currency
    where rates.basis = 'now' and rates.date < coalesce(firsts.first_date, date '2999-12-31')
)

select
    * exclude (date),
    date as from_date,
    coalesce(
        lead(date) over (partition by tenant_id, basis, from_currency, to_currency order by date) - 1, date '2999-12-31'
    ) as to_date
from (
    select * from known
    union all by name
    select * from lent
) as rates
