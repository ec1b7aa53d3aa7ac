-- Silver total = mart total, per tenant and day, for accounts and for the product.
with silver as (
    select tenant_id, session_date as date, count(*) as sessions
    from {{ in_scope(source('silver_product', 'sessions'), 'session_date') }} as sessions
    group by all
),

accounts as (
    select tenant_id, date, sum(sessions) as sessions
    from {{ in_scope(ref('fct_account_engagement_daily'), 'date') }} as facts
    group by all
),

product as (
    select tenant_id, date, sessions
    from {{ in_scope(ref('fct_product_engagement_daily'), 'date') }} as facts
)

select
    tenant_id, date, silver.sessions as silver_sessions, accounts.sessions as account_sessions,
    product.sessions as product_sessions
from silver
full join accounts using (tenant_id, date)
full join product using (tenant_id, date)
where coalesce(silver.sessions, 0) <> coalesce(accounts.sessions, 0)
    or coalesce(silver.sessions, 0) <> coalesce(product.sessions, 0)
