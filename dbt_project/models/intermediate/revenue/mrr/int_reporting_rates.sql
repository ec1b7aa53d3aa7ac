-- One row per basis, currency of a tenant's MRR and contracts and stretch of days with one rate into its reporting currency
-- (10^-16; null: no rate is known yet). The reporting currency is the tenant's setting, else the only one that anybody
-- paid in; without either, no rows.
with
-- Ledgers that somebody is shown; a step on the way to one counts for nothing.
shown as (
    select tenant_id, arg_max(ledger, step) as ledger
    from {{ ref('int_named_ledgers') }}
    where chain <> 'restatement'
    group by tenant_id, chain
),

used as (
    select
        uses.tenant_id, ledgers.basis, uses.currency,
        bool_or(shown.ledger is not null) as is_shown,
        bool_or(shown.ledger is not null and is_mrr) as is_mrr
    from (
        select tenant_id, ledger, currency, true as is_mrr from {{ ref('int_mrr_spells') }}
        union all
        -- A contract that has not begun by as_of is no MRR yet, but it has a day on which it is due (fct_renewals).
        select tenant_id, ledger, currency, false from {{ ref('int_subscription_parts') }}
    ) as uses
    inner join {{ ref('int_ledgers') }} as ledgers using (tenant_id, ledger)
    left join shown using (tenant_id, ledger)
    group by uses.tenant_id, ledgers.basis, uses.currency
),

reporting as (
    select
        tenant_id,
        case
            when settings.reporting_currency is not null then settings.reporting_currency
            when count(*) filter (where is_mrr) = 1 then min(used.currency) filter (where is_mrr)
            when count(*) filter (where is_shown) = 1 then min(used.currency) filter (where is_shown)
        end as reporting_currency
    from used
    inner join {{ source('control', 'settings') }} as settings using (tenant_id)
    group by tenant_id, settings.reporting_currency
),

pairs as (
    -- A rate is of major units; minor units differ by the digits of the two currencies (JPY 0, KWD 3).
    select
        used.tenant_id, used.basis, used.currency, reporting.reporting_currency,
        {{ power_of_ten('4 + theirs.digits - ours.digits') }} as scale
    from used
    inner join reporting using (tenant_id)
    inner join {{ source('control', 'currencies') }} as ours on used.currency = ours.code
    inner join {{ source('control', 'currencies') }} as theirs on reporting.reporting_currency = theirs.code
),

known as (
    select pairs.*, rates.from_date, rates.to_date, {{ units('rates.rate') }} as rate
    from pairs
    inner join {{ ref('int_rate_records') }} as rates
        on pairs.tenant_id = rates.tenant_id
        and pairs.basis = rates.basis
        and pairs.currency = rates.from_currency
        and pairs.reporting_currency = rates.to_currency
)

select tenant_id, basis, currency, reporting_currency, from_date, to_date, rate * scale as rate from known
union all
-- Before the first rate none is known; a currency is one of itself.
select
    pairs.tenant_id, pairs.basis, pairs.currency, pairs.reporting_currency, date '1900-01-01',
    coalesce(min(known.from_date) - 1, date '2999-12-31'),
    if(pairs.currency = pairs.reporting_currency, 1000000000000::hugeint * any_value(pairs.scale), null)
from pairs
left join known using (tenant_id, basis, currency)
group by pairs.tenant_id, pairs.basis, pairs.currency, pairs.reporting_currency
