-- Silver total = mart total, per tenant and day, for accounts and for the product.
with silver as (
    select tenant_id, date, sum(events) as events
    from {{ in_scope(source('silver_product', 'usage_daily'), 'date') }} as usage
    group by all
),

accounts as (
    select tenant_id, date, sum(events) as events
    from {{ in_scope(ref('fct_account_engagement_daily'), 'date') }} as facts
    group by all
),

product as (
    select tenant_id, date, events
    from {{ in_scope(ref('fct_product_engagement_daily'), 'date') }} as facts
)

select
    tenant_id, date, silver.events as silver_events, accounts.events as account_events, product.events as product_events
from silver
full join accounts using (tenant_id, date)
full join product using (tenant_id, date)
where coalesce(silver.events, 0) <> coalesce(accounts.events, 0)
    or coalesce(silver.events, 0) <> coalesce(product.events, 0)
