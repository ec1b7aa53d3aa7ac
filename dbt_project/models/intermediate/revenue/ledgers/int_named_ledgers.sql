-- One row per tenant and reading of its records: its own (`default`), a profile and the steps of the bridge to it, or a step
-- of a restatement; and the ledger that gives it. A policy by which none of the tenant's records is judged makes no ledger
-- of its own: most tenants' profiles are one and the same.
{%- set values = revenue_values() %}
with named as (
    select tenant_id, profile as chain, step, policy as what, 'now' as basis, {{ values | join(', ') }}
    from {{ source('control', 'revenue_profiles') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
    union all
    -- A restatement's steps are read by the policy of the publication, and the last one is what the tenant has now.
    select
        steps.tenant_id, 'restatement', steps.step, steps.cause, if(steps.is_last, 'now', steps.basis),
        {%- for value in values %}
        if(steps.is_last, own.{{ value }}, published.{{ value }}){{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_restatement_steps') }} as steps
    inner join {{ source('control', 'published') }} as published using (tenant_id)
    inner join {{ source('control', 'revenue_profiles') }} as own
        on steps.tenant_id = own.tenant_id and own.profile = 'default'
),

subscribed as (
    select
        tenant_id,
        bool_or("interval" = 'week') as has_weeks,
        bool_or("interval" = 'day') as has_days,
        bool_or(canceled_date is not null) as has_cancellations,
        bool_or(status = 'paused') as has_pauses,
        bool_or(status = 'past_due') as has_past_dues,
        bool_or(status = 'trialing') as has_trials,
        bool_or(list_amount is not null) as has_lists
    from {{ ref('int_subscription_records') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
    group by tenant_id
),

billed as (
    select tenant_id, bool_or(period_start is null) as has_unperioded
    from {{ ref('int_invoice_records') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
    group by tenant_id
),

judged as (
    select
        named.tenant_id, named.chain, named.step, named.what, named.basis,
        {%- for value, needs in [
            ('week_numerator', 'has_weeks'), ('week_denominator', 'has_weeks'), ('day_numerator', 'has_days'),
            ('day_denominator', 'has_days'), ('is_churn_at_cancellation', 'has_cancellations'),
            ('is_paused_kept', 'has_pauses'), ('past_due_grace_days', 'has_past_dues'),
            ('is_trial_counted', 'has_trials'), ('is_gross', 'has_lists'), ('is_from_issue', 'has_unperioded'),
            ('invoice_gap_days', 'has_unperioded')
        ] %}
        if({{ needs }}, named.{{ value }}, own.{{ value }}) as {{ value }},
        {%- endfor %}
        named.reactivation_window_days,
        named.snapshot_offset_days
    from named
    inner join named as own on named.tenant_id = own.tenant_id and own.chain = 'default'
    left join subscribed on named.tenant_id = subscribed.tenant_id
    left join billed on named.tenant_id = billed.tenant_id
)

select
    *,
    first_value(if(chain = 'default', chain, chain || '/' || step)) over (
        partition by tenant_id, basis, {{ values | join(', ') }} order by chain <> 'default', chain, step
    ) as ledger
from judged
