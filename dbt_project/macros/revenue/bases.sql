{#
  Records of billing by what was known (`basis`), for a restatement to be taken apart into its causes:

    now        as known now
    published  as they were when the tenant was last published
    merged     the same, but each with the account that it belongs to now
    corrected  records that were known then, as they are now

  A tenant has the bases that int_restatement_steps asks for, and `now`. `before`: the copy that was kept of the published
  ones; `columns`: besides tenant_id and `keys`.
#}
{% macro records_by_basis(now, before, keys, columns) %}
    {%- set account = 'coalesce(now_.account_id, before.account_id) as account_id' if 'account_id' in columns -%}
    {%- set all_columns = (keys + columns) -%}
    select 'now' as basis, tenant_id, {{ all_columns | join(', ') }} from {{ now }}
    union all
    select bases.basis, before.tenant_id, before.{{ all_columns | join(', before.') }}
    from {{ before }} as before
    inner join bases on before.tenant_id = bases.tenant_id and bases.basis = 'published'
    union all
    select
        bases.basis, before.tenant_id,
        {%- for column in all_columns %}
        {{ account if column == 'account_id' else 'before.' ~ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ before }} as before
    inner join bases on before.tenant_id = bases.tenant_id and bases.basis = 'merged'
    left join {{ now }} as now_
        on before.tenant_id = now_.tenant_id
        {%- for key in keys %} and before.{{ key }} = now_.{{ key }}{% endfor %}
    union all
    select bases.basis, now_.tenant_id, now_.{{ all_columns | join(', now_.') }}
    from {{ now }} as now_
    inner join bases on now_.tenant_id = bases.tenant_id and bases.basis = 'corrected'
    inner join {{ before }} as before
        on now_.tenant_id = before.tenant_id
        {%- for key in keys %} and now_.{{ key }} = before.{{ key }}{% endfor %}
{% endmacro %}

{# What is news about records since a tenant was published: of which kinds, a row a tenant. Arguments as above. #}
{% macro news_of(now, before, keys, columns) %}
    select
        tenant_id,
        bool_or(is_late) as has_late,
        bool_or(not is_late and is_moved) as has_merge,
        bool_or(not is_late and is_other) as has_correction
    from (
        select
            coalesce(now_.tenant_id, before.tenant_id) as tenant_id,
            before.tenant_id is null as is_late,
            {% if 'account_id' in columns -%}
            coalesce(now_.account_id <> before.account_id, false)
            {%- else -%} false {%- endif %} as is_moved,
            (now_.tenant_id is null)
            {%- for column in columns if column != 'account_id' %}
            or (now_.{{ column }} is distinct from before.{{ column }})
            {%- endfor %} as is_other
        from (
            select * from {{ now }} where tenant_id in (select tenant_id from published)
        ) as now_
        full join (
            select * from {{ before }} where tenant_id in (select tenant_id from published)
        ) as before
            on now_.tenant_id = before.tenant_id
            {%- for key in keys %} and now_.{{ key }} = before.{{ key }}{% endfor %}
    )
    group by tenant_id
{% endmacro %}

{# Keys and other columns of the three kinds of billing records that a ledger is computed from. #}
{% macro billing_records(object) %}
    {{ return({
        'subscriptions': (
            ['subscription_id', 'start_date'],
            ['account_id', 'plan', 'end_date', 'amount', 'list_amount', 'currency', '"interval"', 'interval_count',
             'status', 'canceled_date'],
        ),
        'invoices': (
            ['invoice_line_id'],
            ['account_id', 'issued_date', 'period_start', 'period_end', 'amount', 'currency', 'plan', 'is_counted'],
        ),
        'exchange_rates': (['from_currency', 'to_currency', 'date'], ['rate']),
        'as_of': (['object'], ['as_of', 'is_told']),
    }[object]) }}
{% endmacro %}

{# Policy values of a ledger: columns of control.revenue_profiles (warehouse_models/policies/revenue.py). #}
{% macro revenue_values() %}
    {{ return([
        'week_numerator', 'week_denominator', 'day_numerator', 'day_denominator', 'is_churn_at_cancellation',
        'is_paused_kept', 'past_due_grace_days', 'reactivation_window_days', 'snapshot_offset_days', 'is_trial_counted',
        'is_gross', 'is_from_issue', 'invoice_gap_days'
    ]) }}
{% endmacro %}

{# Figures of a month of revenue that a restatement can be about: columns of fct_revenue_monthly. #}
{% macro revenue_figures() %}
    {{ return([
        'opening_minor', 'new_minor', 'reactivation_minor', 'expansion_minor', 'contraction_minor', 'churn_minor',
        'fx_minor', 'closing_minor', 'customers_open', 'customers_new', 'customers_reactivated', 'customers_churned',
        'customers_close', 'nrr_1m', 'grr_1m', 'logo_retention_1m', 'nrr_12m', 'grr_12m', 'logo_retention_12m'
    ]) }}
{% endmacro %}

{# (figure, amount) of each figure of a month, a row each: exact decimals, so that differences of them add up exactly. What
   is no number fails its own check; here it must not stop the build of everybody. #}
{% macro figure_rows() -%}
    unnest([{% for figure in revenue_figures() %}'{{ figure }}'{{ ', ' if not loop.last }}{% endfor %}]) as figure,
    unnest([
        {%- for figure in revenue_figures() %}
        try_cast({{ figure }} as decimal(38, 12)){{ ',' if not loop.last }}
        {%- endfor %}
    ]) as amount
{%- endmacro %}
