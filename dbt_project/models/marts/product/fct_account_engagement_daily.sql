with slices as (
    select affected.tenant_id, greatest(affected.from_date, tenants.first_event_date) as slice,
        least(affected.to_date, tenants.data_through) as last_date, tenants.trend_min_events
    from {{ ref('int_affected_days') }} as affected
    inner join {{ ref('int_tenants') }} as tenants using (tenant_id)
    where affected.from_date <= tenants.data_through and affected.to_date >= tenants.first_event_date
),

spine as (
    select slices.tenant_id, slice, account_id, accounts.first_event_date, trend_min_events,
        unnest(range(greatest(slice, start_date), last_date + 1, interval 1 day))::date as date
    from slices inner join {{ ref('int_accounts') }} as accounts using (tenant_id)
),

visits as (
    select tenant_id, slice, days.* exclude (tenant_id)
    from slices inner join {{ ref('int_user_days') }} as days using (tenant_id)
    where days.date between slice - 55 and last_date
),

features as (
    select tenant_id, slice, used.account_id, used.feature, used.date
    from slices inner join {{ ref('fct_feature_usage_daily') }} as used using (tenant_id)
    where used.date between slice - 29 and last_date
),

user_days as (
    select distinct tenant_id, slice, account_id, user_id, date
    from visits
    where user_id is not null and qualifying_events > 0
),

totals as (
    select tenant_id, slice, account_id, date, sum(events)::bigint as events,
        sum(qualifying_events)::bigint as qualifying_events,
        count(distinct user_id) filter (where qualifying_events > 0) as active_users
    from visits
    group by all
),

features_of_day as (
    select tenant_id, slice, account_id, date, count(*) as features_used from features group by all
),

catalogue as (
    select days.tenant_id, days.date, count(*) as features
    from (select distinct tenant_id, date from spine) as days
    inner join {{ ref('dim_features') }} as features
        on days.tenant_id = features.tenant_id and (features.is_planned or features.first_used_date <= days.date)
    group by all
),

steps as (
    select *, 'wau' as figure from ({{ distinct_steps('user_days', ['account_id'], 'user_id', 7) }})
    union all
    select *, 'mau' from ({{ distinct_steps('user_days', ['account_id'], 'user_id', 30) }})
    union all
    select *, 'features' from ({{ distinct_steps('features', ['account_id'], 'feature', 30) }})
    union all
    select *, 'last_28' from ({{ sum_steps('totals', ['account_id'], 'qualifying_events', 28) }})
    union all
    select *, 'previous_28' from ({{ sum_steps('totals', ['account_id'], 'qualifying_events', 28, lag=28) }})
),

steps_of_day as (
    select tenant_id, slice, account_id, date,
        {% for figure in ['wau', 'mau', 'features', 'last_28', 'previous_28'] -%}
        coalesce(sum(step) filter (where figure = '{{ figure }}'), 0) as {{ figure }}{{ ',' if not loop.last }}
        {% endfor %}
    from steps
    group by all
),

windows as (
    select spine.*,
        {% for figure in ['wau', 'mau', 'features', 'last_28', 'previous_28'] -%}
        coalesce(sum(steps.{{ figure }}) over running, 0)::bigint as {{ figure }}{{ ',' if not loop.last }}
        {% endfor %}
    from spine
    left join steps_of_day as steps using (tenant_id, slice, account_id, date)
    window running as (
        partition by spine.tenant_id, spine.slice, spine.account_id order by spine.date rows unbounded preceding
    )
)

select
    windows.tenant_id,
    windows.account_id,
    windows.date,
    coalesce(totals.active_users, 0) as active_users,
    coalesce(totals.events, 0) as events,
    coalesce(sessions.sessions, 0) as sessions,
    coalesce(sessions.session_micros, 0) / 1e6 as session_seconds,
    coalesce(features_of_day.features_used, 0) as features_used,
    windows.wau,
    windows.mau,
    if(previous_28 >= greatest(trend_min_events, 1), last_28 / previous_28 - 1, null)::double as usage_trend_28d,
    windows.features / nullif(catalogue.features, 0) as feature_breadth_30d,
    windows.mau / nullif(seats.licensed_seats, 0) as licence_utilisation,
    coalesce(windows.date >= windows.first_event_date, false) as has_event_data
from windows
left join totals using (tenant_id, slice, account_id, date)
left join features_of_day using (tenant_id, slice, account_id, date)
left join {{ ref('int_session_days') }} as sessions using (tenant_id, account_id, date)
left join catalogue on windows.tenant_id = catalogue.tenant_id and windows.date = catalogue.date
left join {{ ref('int_account_seats') }} as seats
    on windows.tenant_id = seats.tenant_id and windows.account_id = seats.account_id
    and windows.date between seats.from_date and seats.to_date
order by windows.tenant_id, windows.date
