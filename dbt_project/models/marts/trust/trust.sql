-- In the build database: the publication as it stood before this run, and the data as it stands now.
-- Publishing copies the row into the tenant's file with the version, time and verdict of that very publication.
with recent as (
    select
        days.tenant_id,
        sum(days.events) as events,
        sum(days.events) filter (where days.account_id <> 'unresolved') as attributed_events
    from {{ ref('int_user_days') }} as days
    inner join {{ ref('int_tenants') }} as tenants using (tenant_id)
    where days.date > tenants.data_through - 30
        and days.tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
    group by days.tenant_id
),

billed as (
    select tenant_id, max(as_of) as revenue_through, string_agg(distinct currency, ', ' order by currency) as currencies
    from {{ ref('int_mrr_spells') }}
    where ledger = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
    group by tenant_id
)

select
    tenants.tenant_id,
    coalesce(last.published_version, 0) as published_version,
    last.published_at,
    tenants.data_through,
    coalesce(last.checks_failed, 0) as checks_failed,
    coalesce(recent.attributed_events, 0) / nullif(recent.events, 0) as coverage,
    coalesce(last.is_held, false) as is_held,
    last.held_reason,
    billed.revenue_through,
    case
        when billed.currencies is not null and reporting.tenant_id is null
            then 'Revenue is billed in ' || billed.currencies
                || '; totals need the setting reporting_currency and exchange rates into it'
    end as notice,
    last.event_lag_seconds
from {{ ref('int_tenants') }} as tenants
left join recent using (tenant_id)
left join billed using (tenant_id)
left join (select distinct tenant_id from {{ ref('int_reporting_rates') }}) as reporting using (tenant_id)
left join {{ source('control', 'publications') }} as last using (tenant_id)
where tenants.tenant_id in (select tenant_id from {{ ref('int_touched_tenants') }})
