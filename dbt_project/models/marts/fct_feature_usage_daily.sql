select
    usage.tenant_id,
    usage.account_id,
    usage.feature,
    usage.date,
    sum(usage.events)::bigint as events,
    count(distinct usage.user_id) as users
from {{ ref('stg_product__usage') }} as usage
-- The slices that these rows replace are named by int_touched.
inner join (select distinct tenant_id from {{ ref('int_touched') }}) as touched using (tenant_id)
where usage.feature is not null and usage.qualifying_events > 0
group by all
order by usage.tenant_id, usage.date
