-- One row per visitor (user, or unclaimed anonymous id), account and day.
select
    tenant_id,
    date,
    account_id,
    user_id,
    anonymous_id,
    sum(events)::bigint as events,
    sum(qualifying_events)::bigint as qualifying_events
from {{ ref('stg_product__usage') }}
group by all
order by tenant_id, date
