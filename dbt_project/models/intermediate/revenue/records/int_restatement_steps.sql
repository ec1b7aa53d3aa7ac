-- One row per tenant and kind of news since it was last published, in the order in which they are taken into its ledger:
-- what the ledger is computed from when this kind and those before it are in. A tenant without news has none.
{%- set values = revenue_values() %}
with published as (
    select * from {{ source('control', 'published') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
        and tenant_id in (select tenant_id from {{ source('control', 'published_months') }} where is_complete)
),

-- How far the records go is news like a record: what ended on the last known day may be over by now.
ends as (
    select * from {{ ref('stg_billing__as_of') }}
),

news as (
    select tenant_id, bool_or(has_late) as has_late, bool_or(has_merge) as has_merge,
        bool_or(has_correction) as has_correction
    from (
        {%- for object, now in [
            ('subscriptions', ref('stg_billing__subscriptions')), ('invoices', ref('stg_billing__invoices')),
            ('exchange_rates', ref('stg_billing__exchange_rates'))
        ] %}
        {%- set parts = billing_records(object) %}
        {{ news_of(now, source('control', 'published_' ~ object), parts[0], parts[1]) }}
        union all
        {%- endfor %}
        select coalesce(ends.tenant_id, before.tenant_id), true, false, false
        from (select * from ends where tenant_id in (select tenant_id from published)) as ends
        full join (
            select * from {{ source('control', 'published_as_of') }}
            where tenant_id in (select tenant_id from published)
        ) as before
            on ends.tenant_id = before.tenant_id and ends.object = before.object
        where (ends.as_of is distinct from before.as_of) or (ends.is_told is distinct from before.is_told)
    )
    group by tenant_id
),

policies as (
    select
        published.tenant_id,
        (published.reporting_currency is distinct from settings.reporting_currency)
        {%- for value in values %}
        or (published.{{ value }} is distinct from own.{{ value }})
        {%- endfor %} as has_change
    from published
    inner join {{ source('control', 'settings') }} as settings using (tenant_id)
    inner join {{ source('control', 'revenue_profiles') }} as own
        on published.tenant_id = own.tenant_id and own.profile = 'default'
),

steps as (
    select
        published.tenant_id,
        unnest([1, 2, 3, 4, 5]) as step,
        unnest(['definition change', 'merge', 'correction', 'late record', 'policy change']) as cause,
        unnest(['published', 'merged', 'corrected', 'now', 'now']) as basis,
        unnest([
            coalesce(published.definition <> run.definition, true),
            coalesce(news.has_merge, false),
            coalesce(news.has_correction, false),
            coalesce(news.has_late, false),
            coalesce(policies.has_change, false)
        ]) as is_needed
    from published
    cross join {{ source('control', 'run') }} as run
    left join news using (tenant_id)
    left join policies using (tenant_id)
)

-- Behind the last step stands the tenant's ledger as it is.
select
    tenant_id, step, cause, basis,
    step = max(step) over (partition by tenant_id) as is_last
from steps
where is_needed
