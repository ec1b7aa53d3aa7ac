-- One row per ledger and stretch of days on which an invoice line adds to its account's MRR.
with lines as (
    select * from {{ ref('int_invoice_lines') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

-- Lines count only before the account's first subscription period with MRR above 0: nothing counts twice.
subscribed as (
    select tenant_id, ledger, account_id, min(from_date) as first_subscription_date
    from {{ ref('int_subscription_parts') }}
    group by all
),

-- The month of as_of while it is not complete: who was billed in it, and in the one before, on which plan. A line that was
-- issued after as_of covers its whole month, so it is that month's: with the month before kept it would count twice.
billed as (
    select distinct
        tenant_id, ledger, account_id, plan,
        issued_date >= date_trunc('month', ledger_end) as is_this_month
    from lines
    where amount > 0
        and issued_date between (date_trunc('month', ledger_end) - interval 1 month)::date and last_day(ledger_end)
        and ledger_end < last_day(ledger_end)
),

switched as (
    -- Billed this month on a plan that it did not have the month before: the old plan is not kept.
    select distinct tenant_id, ledger, account_id
    from billed as now_
    where is_this_month
        and not exists (
            select 1
            from billed as before
            where before.tenant_id = now_.tenant_id and before.ledger = now_.ledger
                and before.account_id = now_.account_id and before.plan is not distinct from now_.plan
                and not before.is_this_month
        )
),

kept as (
    -- A plan not billed yet in the open month keeps the month before.
    select lines.* replace (lines.end_date as from_date, lines.ledger_end + 1 as end_date)
    from lines
    where is_unperioded and not is_from_issue
        and end_date = date_trunc('month', ledger_end)
        and ledger_end < last_day(ledger_end)
        and not exists (
            select 1
            from billed
            where billed.tenant_id = lines.tenant_id and billed.ledger = lines.ledger
                and billed.account_id = lines.account_id and billed.plan is not distinct from lines.plan
                and billed.is_this_month
        )
        and not exists (
            select 1
            from switched
            where switched.tenant_id = lines.tenant_id and switched.ledger = lines.ledger
                and switched.account_id = lines.account_id
        )
),

followed as (
    select distinct tenant_id, ledger, account_id
    from lines
    where from_date = ledger_end and mrr_minor > 0
),

open_ones as (
    -- A period that ends on the last known day is open only if that day was told, and nothing of the account follows.
    select
        lines.* replace (
            if(
                not is_unperioded and end_date = ledger_end and is_told and followed.account_id is null,
                ledger_end + 1,
                end_date
            ) as end_date
        )
    from lines
    left join followed using (tenant_id, ledger, account_id)
    union all
    select * from kept
)

select
    tenant_id, ledger, account_id, invoice_line_id as part_id, plan, currency, from_date,
    least(end_date, ledger_end + 1, coalesce(first_subscription_date, end_date)) as end_date,
    ledger_end,
    mrr_minor
from open_ones
left join subscribed using (tenant_id, ledger, account_id)
where mrr_minor is distinct from 0
    and from_date < least(end_date, ledger_end + 1, coalesce(first_subscription_date, end_date))
