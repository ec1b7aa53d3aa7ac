-- One row per ledger, account, currency and longest stretch of days with the same MRR above 0.
with parts as (
    select tenant_id, ledger, account_id, currency, from_date, end_date, ledger_end, mrr_minor
    from {{ ref('int_subscription_parts') }}
    where from_date < end_date and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
    union all
    select tenant_id, ledger, account_id, currency, from_date, end_date, ledger_end, mrr_minor
    from {{ ref('int_invoice_parts') }}
),

steps as (
    select tenant_id, ledger, account_id, currency, date, sum(step) as step
    from (
        select *, unnest([from_date, end_date]) as date, unnest([mrr_minor, -mrr_minor]) as step from parts
    )
    group by all
    having sum(step) <> 0 or count(step) < count(*)
),

levels as (
    -- Credits are floored at 0 per account, currency and day.
    select
        tenant_id, ledger, account_id, currency, date,
        greatest(sum(step) over by_date, 0) as mrr_minor,
        lead(date) over by_date as next_date
    from steps
    window by_date as (partition by tenant_id, ledger, account_id, currency order by date)
),

changes as (
    -- Where a floor hides a step, two stretches in a row are one.
    select
        *,
        lag(mrr_minor) over (partition by tenant_id, ledger, account_id, currency order by date) as before_minor
    from levels
),

spells as (
    select
        tenant_id, ledger, account_id, currency, mrr_minor, date as from_date,
        lead(date) over (partition by tenant_id, ledger, account_id, currency order by date) - 1 as to_date
    from changes
    where before_minor is null or mrr_minor <> before_minor
),

ends as (
    select tenant_id, ledger, account_id, max(ledger_end) as ledger_end
    from parts
    group by all
)

-- An account whose ledger ends before the tenant's keeps what it paid on its last day. The tenant's as_of is the latest end
-- among accounts that ever paid.
select
    spells.tenant_id, spells.ledger, spells.account_id, spells.currency, spells.from_date,
    max(ends.ledger_end) over (partition by spells.tenant_id, spells.ledger) as as_of,
    if(spells.to_date = ends.ledger_end, as_of, spells.to_date) as to_date,
    try_cast(spells.mrr_minor as bigint) as mrr_minor,
    ends.ledger_end
from spells
inner join ends using (tenant_id, ledger, account_id)
where spells.mrr_minor > 0
