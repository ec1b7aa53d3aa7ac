-- One row per ledger, account, currency, month and look-back of 1 or 12 months: MRR at both closings, native.
with balances as (
    select
        months.tenant_id, months.ledger, months.month, spells.account_id, spells.currency, spells.mrr_minor
    from {{ ref('int_revenue_months') }} as months
    inner join {{ ref('int_mrr_spells') }} as spells
        on months.tenant_id = spells.tenant_id
        and months.ledger = spells.ledger
        and months.closing_date between spells.from_date and spells.to_date
    where months.tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

sides as (
    -- A balance is what stands after its own month, and what stood before the months 1 and 12 later.
    select *, unnest([0, 1, 0, 12]) as shift, unnest([1, 1, 12, 12]) as look_back
    from balances
),

pairs as (
    select
        tenant_id, ledger, account_id, currency,
        (month + to_months(shift))::date as month,
        look_back,
        sum(if(shift = 0, 0, mrr_minor))::bigint as before_minor,
        sum(if(shift = 0, mrr_minor, 0))::bigint as after_minor
    from sides
    group by all
)

-- A look-back over the end of the ledger belongs to no month.
select pairs.*
from pairs
inner join {{ ref('int_revenue_months') }} using (tenant_id, ledger, month)
