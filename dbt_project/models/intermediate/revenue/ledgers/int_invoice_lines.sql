-- One row per ledger and recurring invoice line: the days it covers, its MRR on each of them, its account's ledger's end.
with lines as (
    select
        lines.*,
        ledgers.ledger,
        ledgers.invoice_gap_days::integer as gap_days,
        period_start is null as is_unperioded,
        period_start is null and is_from_issue as is_from_issue,
        {{ units('amount') }} * {{ power_of_ten('currencies.digits') }} as numerator
    from {{ ref('int_invoice_records') }} as lines
    inner join {{ ref('int_ledgers') }} as ledgers using (tenant_id, basis)
    inner join {{ source('control', 'currencies') }} as currencies on lines.currency = currencies.code
    where lines.is_counted
),

-- An account's ledger runs to the as_of of subscriptions if it has any, else of invoices.
subscribed as (
    select distinct tenant_id, basis, account_id from {{ ref('int_subscription_records') }}
),

issues as (
    -- The next line of the plan, in any currency; a credit is none, but one without a period is bridged as lines are.
    select distinct
        tenant_id, ledger, account_id, plan, issued_date,
        min(if(amount > 0, issued_date, null)) over (
            partition by tenant_id, ledger, account_id, plan order by issued_date
            range between interval 1 day following and unbounded following
        ) as next_issued_date
    from lines
    where is_from_issue
),

placed as (
    select
        lines.* exclude (period_start, period_end),
        known.as_of as ledger_end,
        known.is_told,
        case
            when not lines.is_unperioded then lines.period_start
            when lines.is_from_issue then lines.issued_date
            else date_trunc('month', lines.issued_date)::date
        end as from_date,
        case
            when not lines.is_unperioded then lines.period_end
            when not lines.is_from_issue then (date_trunc('month', lines.issued_date) + interval 1 month)::date
            else coalesce(issues.next_issued_date, (lines.issued_date + interval 1 month)::date)
        end as end_date,
        if(lines.is_unperioded, 1, {{ whole_months('lines.period_start', 'lines.period_end') }}) as months
    from lines
    left join subscribed using (tenant_id, basis, account_id)
    inner join {{ ref('int_as_of_records') }} as known
        on lines.tenant_id = known.tenant_id and lines.basis = known.basis
        and known.object = if(subscribed.account_id is null, 'invoices', 'subscriptions')
    -- The next line of the plan within some days of a line's end bridges the gap to it.
    left join issues
        on lines.tenant_id = issues.tenant_id and lines.ledger = issues.ledger
        and lines.account_id = issues.account_id and lines.plan is not distinct from issues.plan
        and lines.issued_date = issues.issued_date
        and issues.next_issued_date between (lines.issued_date + interval 1 month)::date
            and (lines.issued_date + interval 1 month)::date + lines.gap_days
)

select
    tenant_id, ledger, account_id, invoice_line_id, plan, currency, amount, issued_date, is_unperioded, is_from_issue,
    from_date, end_date, ledger_end, is_told,
    if(
        months is not null,
        {{ rounded('numerator', '(months * 1000000000000::hugeint)') }},
        {{ rounded('(numerator * 365)', '(12 * (end_date - from_date) * 1000000000000::hugeint)') }}
    ) as mrr_minor
from placed
