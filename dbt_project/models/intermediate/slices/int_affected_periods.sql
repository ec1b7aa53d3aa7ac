-- Ranges of days whose totals move: touched days, days that a spine gains or loses, days that an account gains or loses.
with tenants_moved as (
    select
        tenant_id,
        (now_.first_event_date is not distinct from seen.first_event_date) as is_same_start,
        least(now_.data_through, seen.data_through) + 1 as from_date,
        greatest(now_.data_through, seen.data_through) as to_date
    from {{ ref('int_tenants') }} as now_
    full join {{ source('control', 'seen_tenants') }} as seen using (tenant_id)
),

accounts_moved as (
    select tenant_id, now_.start_date, seen.start_date as seen_start_date
    from {{ ref('int_accounts') }} as now_
    full join (
        select *
        from {{ source('control', 'seen_accounts') }}
        where tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
    ) as seen using (tenant_id, account_id)
    where now_.start_date is distinct from seen.start_date
        and tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
)

select tenant_id, from_date, to_date from {{ ref('int_touched') }}
union
select
    tenant_id,
    if(is_same_start, from_date, date '1900-01-01'),
    if(is_same_start, to_date, date '2999-12-31')
from tenants_moved
where not is_same_start or from_date <= to_date
union
select
    tenant_id,
    least(start_date, seen_start_date),
    -- An account that is new or gone changes every day from its start on.
    if(start_date is null or seen_start_date is null, date '2999-12-31', greatest(start_date, seen_start_date) - 1)
from accounts_moved
