-- A day without a rate takes the last one before it; none before it is an error that names pair and date (METRICS §2):
-- `words` is what the tenant's hold says.
select distinct
    days.tenant_id, days.currency, rates.reporting_currency, greatest(days.from_date, rates.from_date) as date,
    format(
        'no exchange rate from {} to {} is known for {}',
        days.currency, rates.reporting_currency, greatest(days.from_date, rates.from_date)
    ) as words
from {{ in_scope(ref('int_mrr_days')) }} as days
inner join {{ ref('int_reporting_rates') }} as rates
    on days.tenant_id = rates.tenant_id and days.currency = rates.currency and rates.basis = 'now'
    and days.from_date <= rates.to_date and days.to_date >= rates.from_date
where rates.rate is null
