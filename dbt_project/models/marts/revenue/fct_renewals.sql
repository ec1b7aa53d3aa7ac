-- A contract is due on the day its period ends by itself: not where a new price cut it short, nor where it only closed with
-- the data. What the account's periods that begin on that day bring is what was renewed.
with parts as (
    select tenant_id, account_id, currency, from_date, contract_end_date, ledger_end, mrr_minor
    from {{ ref('int_subscription_parts') }}
    where ledger = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

dues as (
    select
        tenant_id, account_id, currency, contract_end_date as renewal_date, ledger_end, mrr_minor as due, 0 as renewed
    from parts
    where contract_end_date is not null
),

renewals as (
    select parts.tenant_id, parts.account_id, parts.currency, parts.from_date, parts.ledger_end, 0, parts.mrr_minor
    from parts
    inner join (select distinct tenant_id, account_id, renewal_date from dues) as due_
        on parts.tenant_id = due_.tenant_id and parts.account_id = due_.account_id
        and parts.from_date = due_.renewal_date
),

sides as (
    select * from dues
    union all
    select * from renewals
),

totals as (
    select
        sides.tenant_id, sides.account_id, sides.renewal_date, max(sides.ledger_end) as ledger_end,
        {{ reported('due', 'rate') }} as due_minor,
        {{ reported('renewed', 'rate') }} as renewed_minor
    from sides
    inner join {{ ref('int_reporting_rates') }} as rates
        on sides.tenant_id = rates.tenant_id and sides.currency = rates.currency and rates.basis = 'now'
        and least(sides.renewal_date, sides.ledger_end) between rates.from_date and rates.to_date
    group by all
)

select
    tenant_id, account_id, renewal_date, due_minor, renewed_minor,
    case
        when renewal_date > ledger_end or (renewal_date = ledger_end and renewed_minor = 0) then 'open'
        when renewed_minor = 0 then 'lost'
        when renewed_minor < due_minor then 'reduced'
        else 'renewed'
    end as outcome
from totals
