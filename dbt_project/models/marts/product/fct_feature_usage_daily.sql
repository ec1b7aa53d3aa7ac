select
    tenant_id,
    account_id,
    feature,
    date,
    sum(events)::bigint as events,
    count(distinct user_id) as users
from {{ ref('stg_product__usage') }}
where feature is not null and qualifying_events > 0
group by all
order by tenant_id, date
