-- Ranges of days on which a row of fct_mrr_daily moves: stretches that are new or gone, and days that one gained or lost.
with now_ as (
    select * from {{ ref('int_mrr_days') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

seen as (
    select * from {{ source('control', 'seen_mrr_days') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

moved as (
    select
        coalesce(now_.tenant_id, seen.tenant_id) as tenant_id,
        if(
            now_.to_date is null or seen.to_date is null,
            coalesce(now_.from_date, seen.from_date),
            least(now_.to_date, seen.to_date) + 1
        ) as from_date,
        greatest(now_.to_date, seen.to_date) as to_date
    from now_
    full join seen
        on now_.tenant_id = seen.tenant_id and now_.account_id = seen.account_id and now_.currency = seen.currency
        and now_.from_date = seen.from_date and now_.mrr_minor = seen.mrr_minor
        and now_.mrr_reporting_minor is not distinct from seen.mrr_reporting_minor
    where now_.to_date is distinct from seen.to_date
    {% if flags.FULL_REFRESH %}
    union all
    select tenant_id, date '1900-01-01', date '2999-12-31' from {{ source('control', 'settings') }}
    {% endif %}
)

{{ islands('moved') }}
