-- One row per user, account and month; active_days = 0 where no event of the month qualifies.
with months as (
    select distinct tenant_id, unnest({{ periods('month', 'touched', 'tenants.first_event_date') }})::date as month
    from {{ ref('int_touched') }} as touched
    inner join {{ ref('int_tenants') }} as tenants using (tenant_id)
)

select
    days.tenant_id,
    months.month,
    days.account_id,
    days.user_id,
    count(*) filter (where days.qualifying_events > 0) as active_days
from {{ ref('int_user_days') }} as days
inner join months
    on days.tenant_id = months.tenant_id
    and date_trunc('month', days.date)::date = months.month
where days.user_id is not null
group by all
