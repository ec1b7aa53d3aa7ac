-- One row per ledger, account, month and look-back of 1 or 12 months: what it paid at both closings, in the reporting
-- currency at the rates of either, and what became of it in the month.
with months as (
    select
        *,
        coalesce(
            lag(closing_date) over (partition by tenant_id, ledger order by month), date '1900-01-01'
        ) as opening_date
    from {{ ref('int_revenue_months') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

-- Rates at the closing of each month.
rates as (
    select months.tenant_id, months.ledger, months.month, rates.currency, rates.rate
    from months
    inner join {{ ref('int_reporting_rates') }} as rates
        on months.tenant_id = rates.tenant_id and months.basis = rates.basis
        and months.closing_date between rates.from_date and rates.to_date
),

started as (
    -- How an account came to pay inside a month: by its first spell that began in it.
    select
        months.tenant_id, months.ledger, months.month, spells.account_id,
        arg_min(spells.starts_as, spells.from_date) as starts_as
    from months
    inner join {{ ref('int_paying_spells') }} as spells
        on months.tenant_id = spells.tenant_id and months.ledger = spells.ledger
        and spells.from_date > months.opening_date and spells.from_date <= months.closing_date
    group by all
),

accounts as (
    select
        pairs.tenant_id, pairs.ledger, pairs.month, pairs.look_back, pairs.account_id,
        sum(before_minor) > 0 as paid_before,
        sum(after_minor) > 0 as pays_after,
        {{ reported('before_minor', 'old.rate') }} as before_old,
        {{ reported('before_minor', 'new.rate') }} as before_new,
        {{ reported('after_minor', 'old.rate') }} as after_old,
        {{ reported('after_minor', 'new.rate') }} as after_new
    from {{ ref('int_month_pairs') }} as pairs
    left join rates as new
        on pairs.tenant_id = new.tenant_id and pairs.ledger = new.ledger and pairs.month = new.month
        and pairs.currency = new.currency
    left join rates as old
        on pairs.tenant_id = old.tenant_id and pairs.ledger = old.ledger and pairs.currency = old.currency
        and old.month = (pairs.month - to_months(pairs.look_back::integer))::date
    -- Without a reporting currency there is none of this.
    where pairs.tenant_id in (select tenant_id from {{ ref('int_reporting_rates') }})
    group by all
)

select
    accounts.*,
    if(
        look_back = 1,
        {{ movement('started.starts_as', 'paid_before', 'pays_after', 'before_new', 'after_new') }},
        null
    ) as movement
from accounts
left join started using (tenant_id, ledger, month, account_id)
