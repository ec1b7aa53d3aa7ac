with accounts as (
    select distinct tenant_id, account_id, first_paid_date, date_trunc('month', first_paid_date)::date as cohort_month
    from {{ ref('int_paying_spells') }}
    where ledger = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

-- Every age of a cohort up to the tenant's last month, and the day it closes on.
ages as (
    select
        accounts.*, months.closing_date,
        date_diff('month', accounts.cohort_month, months.month) as age_months
    from accounts
    inner join {{ ref('int_revenue_months') }} as months
        on accounts.tenant_id = months.tenant_id and months.ledger = 'default'
        and months.month >= accounts.cohort_month
),

spells as (
    -- At the rates of the account's first paid day, whatever became of them.
    select spells.tenant_id, spells.account_id, spells.from_date, spells.to_date, spells.mrr_minor, rates.rate
    from {{ ref('int_mrr_spells') }} as spells
    inner join accounts using (tenant_id, account_id)
    inner join {{ ref('int_reporting_rates') }} as rates
        on spells.tenant_id = rates.tenant_id and spells.currency = rates.currency and rates.basis = 'now'
        and accounts.first_paid_date between rates.from_date and rates.to_date
    where spells.ledger = 'default'
),

bases as (
    select accounts.tenant_id, accounts.account_id, {{ reported('mrr_minor', 'rate') }} as base_minor
    from accounts
    inner join spells
        on accounts.tenant_id = spells.tenant_id and accounts.account_id = spells.account_id
        and accounts.first_paid_date between spells.from_date and spells.to_date
    group by all
),

balances as (
    select
        ages.tenant_id, ages.account_id, ages.cohort_month, ages.age_months,
        bool_or(spells.mrr_minor > 0) as is_retained,
        {{ reported('coalesce(mrr_minor, 0)', 'rate') }} as balance_minor
    from ages
    left join spells
        on ages.tenant_id = spells.tenant_id and ages.account_id = spells.account_id
        and ages.closing_date between spells.from_date and spells.to_date
    group by all
)

select
    balances.tenant_id, balances.cohort_month, balances.age_months,
    count(*) as customers,
    count(*) filter (where balances.is_retained) as retained_customers,
    sum(bases.base_minor)::bigint as cohort_mrr_minor,
    sum(balances.balance_minor)::bigint as retained_mrr_minor
from balances
inner join bases using (tenant_id, account_id)
group by all
