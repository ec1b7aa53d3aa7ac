with spine as (
    select distinct
        affected.tenant_id,
        unnest({{ periods('month', 'affected', 'tenants.first_event_date') }})::date as month
    from {{ ref('int_affected_periods') }} as affected
    inner join {{ ref('int_tenants') }} as tenants using (tenant_id)
),

visits as (
    select
        spine.tenant_id,
        spine.month,
        count(distinct user_id) filter (where qualifying_events > 0) as active_users,
        count(distinct account_id) filter (
            where qualifying_events > 0 and account_id <> 'unresolved'
        ) as active_accounts,
        sum(events)::bigint as events
    from spine
    inner join {{ ref('int_user_days') }} as days
        on spine.tenant_id = days.tenant_id and spine.month = date_trunc('month', days.date)::date
    group by all
),

sessions as (
    select spine.tenant_id, spine.month, sum(days.sessions)::bigint as sessions
    from spine
    inner join {{ ref('int_session_days') }} as days
        on spine.tenant_id = days.tenant_id and spine.month = date_trunc('month', days.date)::date
    group by all
)

select
    tenant_id,
    month,
    coalesce(visits.active_users, 0) as active_users,
    coalesce(visits.active_accounts, 0) as active_accounts,
    coalesce(visits.events, 0) as events,
    coalesce(sessions.sessions, 0) as sessions
from spine
left join visits using (tenant_id, month)
left join sessions using (tenant_id, month)
order by tenant_id, month
