with months as (
    select
        *,
        coalesce(
            lag(closing_date) over (partition by tenant_id, profile order by month), date '1900-01-01'
        ) as opening_date
    from {{ ref('int_revenue_months') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

-- Rates at the closing of each month.
rates as (
    select months.tenant_id, months.profile, months.month, rates.currency, rates.rate
    from months
    inner join {{ ref('int_reporting_rates') }} as rates
        on months.tenant_id = rates.tenant_id and months.closing_date between rates.from_date and rates.to_date
),

started as (
    -- How an account came to pay inside a month: by its first spell that began in it.
    select
        months.tenant_id, months.profile, months.month, spells.account_id,
        arg_min(spells.starts_as, spells.from_date) as starts_as
    from months
    inner join {{ ref('int_paying_spells') }} as spells
        on months.tenant_id = spells.tenant_id and months.profile = spells.profile
        and spells.from_date > months.opening_date and spells.from_date <= months.closing_date
    group by all
),

accounts as (
    select
        pairs.tenant_id, pairs.profile, pairs.month, pairs.look_back, pairs.account_id,
        sum(before_minor) > 0 as paid_before,
        sum(after_minor) > 0 as pays_after,
        {{ reported('before_minor', 'old.rate') }} as before_old,
        {{ reported('before_minor', 'new.rate') }} as before_new,
        {{ reported('after_minor', 'old.rate') }} as after_old,
        {{ reported('after_minor', 'new.rate') }} as after_new
    from {{ ref('int_month_pairs') }} as pairs
    left join rates as new
        on pairs.tenant_id = new.tenant_id and pairs.profile = new.profile and pairs.month = new.month
        and pairs.currency = new.currency
    left join rates as old
        on pairs.tenant_id = old.tenant_id and pairs.profile = old.profile and pairs.currency = old.currency
        and old.month = (pairs.month - to_months(pairs.look_back::integer))::date
    where pairs.tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
    group by all
),

moved as (
    select
        accounts.*,
        case
            when not paid_before then started.starts_as
            when not pays_after then 'churn'
            when after_new > before_new then 'expansion'
            when after_new < before_new then 'contraction'
        end as movement,
        after_new - before_new as delta
    from accounts
    left join started using (tenant_id, profile, month, account_id)
    where look_back = 1
),

totals as (
    select
        tenant_id, profile, month,
        sum(before_old) as opening_minor,
        {%- for kind, sign in [('new', 1), ('reactivation', 1), ('expansion', 1), ('contraction', -1), ('churn', -1)] %}
        coalesce(sum({{ '-' if sign < 0 }}delta) filter (where movement = '{{ kind }}'), 0) as {{ kind }}_minor,
        {%- endfor %}
        sum(before_new - before_old) as fx_minor,
        sum(after_new) as closing_minor,
        count(*) filter (where paid_before) as customers_open,
        count(*) filter (where movement = 'new') as customers_new,
        count(*) filter (where movement = 'reactivation') as customers_reactivated,
        count(*) filter (where movement = 'churn') as customers_churned,
        count(*) filter (where pays_after) as customers_close
    from moved
    group by all
),

retained as (
    select
        tenant_id, profile, month,
        {%- for months in [1, 12] %}
        sum(after_old) filter (where look_back = {{ months }} and paid_before)
        / nullif(sum(before_old) filter (where look_back = {{ months }}), 0)::double as nrr_{{ months }}m,
        sum(least(after_old, before_old)) filter (where look_back = {{ months }} and paid_before)
        / nullif(sum(before_old) filter (where look_back = {{ months }}), 0)::double as grr_{{ months }}m,
        count(*) filter (where look_back = {{ months }} and paid_before and pays_after)
        / nullif(count(*) filter (where look_back = {{ months }} and paid_before), 0)::double
            as logo_retention_{{ months }}m,
        count(*) filter (where look_back = {{ months }} and paid_before) as base_customers_{{ months }}m
        {{- ',' if not loop.last }}
        {%- endfor %}
    from accounts
    group by all
)

select
    months.tenant_id, months.profile, months.month, months.is_complete, reporting.reporting_currency as currency,
    {%- for column in ['opening', 'new', 'reactivation', 'expansion', 'contraction', 'churn', 'fx', 'closing'] %}
    if(totals.month is null, 0, totals.{{ column }}_minor)::bigint as {{ column }}_minor,
    {%- endfor %}
    {%- for column in ['open', 'new', 'reactivated', 'churned', 'close'] %}
    coalesce(totals.customers_{{ column }}, 0) as customers_{{ column }},
    {%- endfor %}
    retained.* exclude (tenant_id, profile, month, base_customers_1m, base_customers_12m),
    coalesce(retained.base_customers_1m, 0) as base_customers_1m,
    coalesce(retained.base_customers_12m, 0) as base_customers_12m
from months
inner join (
    select distinct tenant_id, reporting_currency from {{ ref('int_reporting_rates') }}
) as reporting using (tenant_id)
left join totals using (tenant_id, profile, month)
left join retained using (tenant_id, profile, month)
