-- One row per account and day on which a session started.
select
    tenant_id,
    date,
    account_id,
    count(*) as sessions,
    sum(session_micros)::bigint as session_micros
from {{ ref('stg_product__sessions') }}
group by all
order by tenant_id, date
