with active as (
    select distinct tenant_id, user_id, month
    from {{ ref('int_user_months') }}
    where active_days > 0 and tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
),

members as (
    select tenant_id, user_id, month, min(month) over (partition by tenant_id, user_id) as cohort_month
    from active
),

cohorts as (
    select
        members.tenant_id,
        members.cohort_month,
        count(distinct members.user_id) as users,
        date_diff('month', members.cohort_month, tenants.data_through) as last_age
    from members
    inner join {{ ref('int_tenants') }} as tenants using (tenant_id)
    group by members.tenant_id, members.cohort_month, tenants.data_through
),

ages as (
    select tenant_id, cohort_month, users, unnest(range(0, last_age + 1)) as age_months
    from cohorts
),

returned as (
    select
        tenant_id,
        cohort_month,
        date_diff('month', cohort_month, month) as age_months,
        count(*) as active_users
    from members
    group by all
)

select
    tenant_id,
    cohort_month,
    age_months,
    ages.users,
    coalesce(returned.active_users, 0) as active_users
from ages
left join returned using (tenant_id, cohort_month, age_months)
