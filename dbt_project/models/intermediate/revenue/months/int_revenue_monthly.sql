-- One row per ledger and month, in the reporting currency: the figures of the marts of revenue by month.
with accounts as (
    select * from {{ ref('int_month_accounts') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

totals as (
    select
        tenant_id, ledger, month,
        sum(before_old) as opening_minor,
        {%- for kind, sign in [('new', 1), ('reactivation', 1), ('expansion', 1), ('contraction', -1), ('churn', -1)] %}
        coalesce(sum({{ '-' if sign < 0 }}(after_new - before_new)) filter (where movement = '{{ kind }}'), 0)
            as {{ kind }}_minor,
        {%- endfor %}
        sum(before_new - before_old) as fx_minor,
        sum(after_new) as closing_minor,
        count(*) filter (where paid_before) as customers_open,
        count(*) filter (where movement = 'new') as customers_new,
        count(*) filter (where movement = 'reactivation') as customers_reactivated,
        count(*) filter (where movement = 'churn') as customers_churned,
        count(*) filter (where pays_after) as customers_close
    from accounts
    where look_back = 1
    group by all
),

retained as (
    select
        tenant_id, ledger, month,
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
    months.tenant_id, months.ledger, months.month, months.is_complete, reporting.reporting_currency as currency,
    {%- for column in ['opening', 'new', 'reactivation', 'expansion', 'contraction', 'churn', 'fx', 'closing'] %}
    if(totals.month is null, 0, totals.{{ column }}_minor)::bigint as {{ column }}_minor,
    {%- endfor %}
    {%- for column in ['open', 'new', 'reactivated', 'churned', 'close'] %}
    coalesce(totals.customers_{{ column }}, 0) as customers_{{ column }},
    {%- endfor %}
    retained.* exclude (tenant_id, ledger, month, base_customers_1m, base_customers_12m),
    coalesce(retained.base_customers_1m, 0) as base_customers_1m,
    coalesce(retained.base_customers_12m, 0) as base_customers_12m
from {{ ref('int_revenue_months') }} as months
inner join (
    select distinct tenant_id, reporting_currency from {{ ref('int_reporting_rates') }}
) as reporting using (tenant_id)
left join totals using (tenant_id, ledger, month)
left join retained using (tenant_id, ledger, month)
where months.tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
