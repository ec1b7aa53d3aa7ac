with seen as (
    select
        tenant_id,
        user_id,
        min(month) filter (where active_days > 0) as cohort_month
    from {{ ref('int_user_months') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
    group by all
)

select
    tenant_id,
    user_id,
    known.account_id,
    known.email,
    known.name,
    known.role,
    known.created_at,
    coalesce(known.is_deleted, false) as is_deleted,
    known.user_id is null as is_inferred,
    seen.cohort_month
from {{ ref('stg_crm__users') }} as known
full join seen using (tenant_id, user_id)
