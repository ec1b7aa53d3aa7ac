with slices as (
    select affected.tenant_id, greatest(affected.from_date, tenants.first_event_date) as slice,
        least(affected.to_date, tenants.data_through) as last_date, tenants.first_event_date
    from {{ ref('int_affected_days') }} as affected
    inner join {{ ref('int_tenants') }} as tenants using (tenant_id)
    where affected.from_date <= tenants.data_through and affected.to_date >= tenants.first_event_date
),

spine as (
    select tenant_id, slice, first_event_date, unnest(range(slice, last_date + 1, interval 1 day))::date as date
    from slices
),

visits as (
    select tenant_id, slice, days.* exclude (tenant_id)
    from slices inner join {{ ref('int_user_days') }} as days using (tenant_id)
    where days.date between slice - 29 and last_date
),

-- A user counts once, even if active in several accounts.
user_days as (
    select distinct tenant_id, slice, user_id, date
    from visits
    where user_id is not null and qualifying_events > 0
),

totals as (
    select tenant_id, slice, date, sum(events)::bigint as events,
        count(distinct user_id) filter (where qualifying_events > 0) as dau,
        count(distinct account_id) filter (
            where qualifying_events > 0 and account_id <> 'unresolved'
        ) as active_accounts,
        count(distinct anonymous_id) filter (where qualifying_events > 0) as anonymous_visitors
    from visits
    group by all
),

sessions as (
    select tenant_id, slice, days.date, sum(days.sessions)::bigint as sessions
    from slices inner join {{ ref('int_session_days') }} as days using (tenant_id)
    where days.date between slice and last_date
    group by all
),

steps as (
    select *, 'wau' as figure from ({{ distinct_steps('user_days', [], 'user_id', 7) }})
    union all
    select *, 'mau' from ({{ distinct_steps('user_days', [], 'user_id', 30) }})
    union all
    select *, 'dau_30' from ({{ sum_steps('totals', [], 'dau', 30) }})
),

steps_of_day as (
    select tenant_id, slice, date,
        {% for figure in ['wau', 'mau', 'dau_30'] -%}
        coalesce(sum(step) filter (where figure = '{{ figure }}'), 0) as {{ figure }}{{ ',' if not loop.last }}
        {% endfor %}
    from steps
    group by all
),

windows as (
    select spine.*,
        {% for figure in ['wau', 'mau', 'dau_30'] -%}
        coalesce(sum(steps.{{ figure }}) over running, 0)::bigint as {{ figure }}{{ ',' if not loop.last }}
        {% endfor %}
    from spine
    left join steps_of_day as steps using (tenant_id, slice, date)
    window running as (partition by spine.tenant_id, spine.slice order by spine.date rows unbounded preceding)
)

select
    tenant_id,
    date,
    coalesce(totals.dau, 0) as dau,
    windows.wau,
    windows.mau,
    coalesce(totals.active_accounts, 0) as active_accounts,
    coalesce(totals.anonymous_visitors, 0) as anonymous_visitors,
    coalesce(totals.events, 0) as events,
    coalesce(sessions.sessions, 0) as sessions,
    -- Always divided by 30, so it means nothing before 30 days of history.
    if(date >= windows.first_event_date + 29, windows.dau_30 / 30.0 / nullif(windows.mau, 0), null)::double
        as stickiness,
    coalesce(totals.dau, 0) / nullif(windows.mau, 0) as dau_mau_ratio
from windows
left join totals using (tenant_id, slice, date)
left join sessions using (tenant_id, slice, date)
order by tenant_id, date
