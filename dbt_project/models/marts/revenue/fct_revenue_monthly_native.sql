with months as (
    select
        *,
        coalesce(lag(closing_date) over (partition by tenant_id order by month), date '1900-01-01') as opening_date
    from {{ ref('int_revenue_months') }}
    where ledger = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

-- Every currency has every month of the tenant.
spine as (
    select months.*, currencies.currency
    from months
    inner join (
        select distinct tenant_id, currency from {{ ref('int_mrr_spells') }} where ledger = 'default'
    ) as currencies using (tenant_id)
),

started as (
    select months.tenant_id, months.month, spells.account_id, arg_min(spells.starts_as, spells.from_date) as starts_as
    from months
    inner join {{ ref('int_paying_spells') }} as spells
        on months.tenant_id = spells.tenant_id and spells.ledger = 'default'
        and spells.from_date > months.opening_date and spells.from_date <= months.closing_date
    group by all
),

pairs as (
    select
        tenant_id, account_id, currency, month, look_back, before_minor, after_minor,
        sum(before_minor) over account > 0 as paid_before,
        sum(after_minor) over account > 0 as pays_after
    from {{ ref('int_month_pairs') }}
    where ledger = 'default'
    window account as (partition by tenant_id, account_id, month, look_back)
),

moved as (
    select
        pairs.*,
        {{ movement(
            'started.starts_as', 'paid_before', 'pays_after', 'before_minor', 'after_minor', by_currency=true
        ) }} as movement,
        after_minor - before_minor as delta
    from pairs
    left join started using (tenant_id, month, account_id)
    where look_back = 1
),

totals as (
    select
        tenant_id, currency, month,
        sum(before_minor) as opening_minor,
        {%- for kind in ['new', 'reactivation', 'expansion', 'contraction', 'churn', 'currency_change'] %}
        sum({{ '-' if kind in ('contraction', 'churn') }}delta)
            filter (where movement = '{{ kind }}') as {{ kind }}_minor,
        {%- endfor %}
        sum(after_minor) as closing_minor,
        count(*) filter (where before_minor > 0) as customers_open,
        count(*) filter (where movement = 'new') as customers_new,
        count(*) filter (where movement = 'reactivation') as customers_reactivated,
        count(*) filter (where movement = 'churn') as customers_churned,
        sum(sign(delta)) filter (where movement = 'currency_change') as customers_currency_change,
        count(*) filter (where after_minor > 0) as customers_close
    from moved
    group by all
),

retained as (
    -- Paying and logos are per currency.
    select
        tenant_id, currency, month,
        {%- for months in [1, 12] %}
        sum(after_minor) filter (where look_back = {{ months }} and before_minor > 0)
        / nullif(sum(before_minor) filter (where look_back = {{ months }}), 0)::double as nrr_{{ months }}m,
        sum(least(after_minor, before_minor)) filter (where look_back = {{ months }})
        / nullif(sum(before_minor) filter (where look_back = {{ months }}), 0)::double as grr_{{ months }}m,
        count(*) filter (where look_back = {{ months }} and before_minor > 0 and after_minor > 0)
        / nullif(count(*) filter (where look_back = {{ months }} and before_minor > 0), 0)::double
            as logo_retention_{{ months }}m
        {{- ',' if not loop.last }}
        {%- endfor %}
    from pairs
    group by all
)

select
    spine.tenant_id, spine.currency, spine.month, spine.is_complete,
    {%- for column in [
        'opening', 'new', 'reactivation', 'expansion', 'contraction', 'churn', 'currency_change', 'closing'
    ] %}
    coalesce(totals.{{ column }}_minor, 0)::bigint as {{ column }}_minor,
    {%- endfor %}
    {%- for column in ['open', 'new', 'reactivated', 'churned', 'currency_change', 'close'] %}
    coalesce(totals.customers_{{ column }}, 0)::bigint as customers_{{ column }},
    {%- endfor %}
    retained.* exclude (tenant_id, currency, month)
from spine
left join totals using (tenant_id, currency, month)
left join retained using (tenant_id, currency, month)
