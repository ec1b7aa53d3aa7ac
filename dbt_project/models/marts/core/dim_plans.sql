with sold as (
    select tenant_id, plan, start_date as sold_date, 'subscriptions' as source
    from {{ ref('stg_billing__subscriptions') }}
    union all
    select tenant_id, plan, issued_date, 'invoices'
    from {{ ref('stg_billing__invoices') }}
    where plan is not null and is_counted
)

-- Billing systems name a plan only where it is sold: every plan is known from facts.
select
    tenant_id, plan,
    min(sold_date) as first_sold_date,
    max(sold_date) as last_sold_date,
    true as is_inferred
from sold
group by tenant_id, plan
