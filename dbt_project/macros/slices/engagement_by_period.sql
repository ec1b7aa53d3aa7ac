{#
  Activity of a tenant's product by week or month, from the period of its first event to the one in which its data ends,
  silent ones too. `unit`: week or month; `column`: what the period's first day is called.
#}
{% macro engagement_by_period(unit, column) %}
with spine as (
    select distinct
        affected.tenant_id,
        unnest({{ periods(unit, 'affected', 'tenants.first_event_date') }})::date as {{ column }}
    from {{ ref('int_affected_periods') }} as affected
    inner join {{ ref('int_tenants') }} as tenants using (tenant_id)
),

visits as (
    select
        spine.tenant_id,
        spine.{{ column }},
        count(distinct user_id) filter (where qualifying_events > 0) as active_users,
        count(distinct account_id) filter (
            where qualifying_events > 0 and account_id <> 'unresolved'
        ) as active_accounts,
        sum(events)::bigint as events
    from spine
    inner join {{ ref('int_user_days') }} as days
        on spine.tenant_id = days.tenant_id and spine.{{ column }} = date_trunc('{{ unit }}', days.date)::date
    group by all
),

sessions as (
    select spine.tenant_id, spine.{{ column }}, sum(days.sessions)::bigint as sessions
    from spine
    inner join {{ ref('int_session_days') }} as days
        on spine.tenant_id = days.tenant_id and spine.{{ column }} = date_trunc('{{ unit }}', days.date)::date
    group by all
)

select
    tenant_id,
    {{ column }},
    coalesce(visits.active_users, 0) as active_users,
    coalesce(visits.active_accounts, 0) as active_accounts,
    coalesce(visits.events, 0) as events,
    coalesce(sessions.sessions, 0) as sessions
from spine
left join visits using (tenant_id, {{ column }})
left join sessions using (tenant_id, {{ column }})
order by tenant_id, {{ column }}
{% endmacro %}
