with spine as (
    select distinct
        affected.tenant_id,
        accounts.account_id,
        unnest({{ periods('month', 'affected', 'accounts.start_date') }})::date as month
    from {{ ref('int_affected_periods') }} as affected
    inner join {{ ref('int_tenants') }} as tenants using (tenant_id)
    inner join {{ ref('int_accounts') }} as accounts using (tenant_id)
),

months as (
    select distinct tenant_id, month from spine
),

visits as (
    select
        months.tenant_id,
        months.month,
        days.account_id,
        count(distinct days.user_id) filter (where days.qualifying_events > 0) as active_users,
        count(distinct days.date) filter (where days.qualifying_events > 0) as active_days,
        sum(days.events)::bigint as events
    from months
    inner join {{ ref('int_user_days') }} as days
        on months.tenant_id = days.tenant_id and months.month = date_trunc('month', days.date)::date
    group by all
),

sessions as (
    select months.tenant_id, months.month, days.account_id, sum(days.sessions)::bigint as sessions
    from months
    inner join {{ ref('int_session_days') }} as days
        on months.tenant_id = days.tenant_id and months.month = date_trunc('month', days.date)::date
    group by all
)

select
    tenant_id,
    account_id,
    month,
    coalesce(visits.active_users, 0) as active_users,
    coalesce(visits.active_days, 0) as active_days,
    coalesce(visits.events, 0) as events,
    coalesce(sessions.sessions, 0) as sessions
from spine
left join visits using (tenant_id, account_id, month)
left join sessions using (tenant_id, account_id, month)
order by tenant_id, month
