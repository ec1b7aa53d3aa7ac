-- One row per ledger and period of a subscription that pays: what it adds to its account's MRR, and on which days.
with ended as (
    -- A later start ends the earlier period; a canceled row is paid until its end, else until it was canceled.
    select
        *,
        case
            when status = 'canceled' then coalesce(end_date, greatest(start_date, canceled_date))
            else coalesce(end_date, date '2999-12-31')
        end as stated_end,
        coalesce(
            lead(start_date) over (partition by tenant_id, basis, subscription_id order by start_date),
            date '2999-12-31'
        ) as next_start
    from {{ ref('int_subscription_records') }}
    where tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

marked as (
    -- Touching past-due rows of one subscription are one spell.
    select
        *,
        least(stated_end, next_start) as ends,
        not coalesce(
            status = 'past_due'
            and lag(status) over by_start = 'past_due'
            and lag(least(stated_end, next_start)) over by_start = start_date, false
        ) as is_spell_start
    from ended
    window by_start as (partition by tenant_id, basis, subscription_id order by start_date)
),

spelled as (
    select
        *,
        max(if(is_spell_start, start_date, null)) over (
            partition by tenant_id, basis, subscription_id order by start_date rows unbounded preceding
        ) as spell_start
    from marked
),

policied as (
    select
        spelled.*,
        ledgers.ledger,
        greatest(start_date, least(
            case status
                when 'trialing' then if(is_trial_counted, ends, start_date)
                when 'paused' then if(is_paused_kept, ends, start_date)
                when 'past_due' then least(ends, spell_start + past_due_grace_days::integer)
                else ends
            end,
            if(is_churn_at_cancellation, coalesce(canceled_date, date '2999-12-31'), date '2999-12-31')
        )) as paid_until,
        {{ units("if(is_gross, coalesce(list_amount, amount), amount)") }} * {{ power_of_ten('currencies.digits') }}
        * case "interval" when 'week' then week_numerator when 'day' then day_numerator else 1 end as numerator,
        interval_count * 1000000000000::hugeint * case "interval"
            when 'week' then week_denominator when 'day' then day_denominator when 'year' then 12 else 1
        end as denominator
    from spelled
    inner join {{ ref('int_ledgers') }} as ledgers using (tenant_id, basis)
    inner join {{ source('control', 'currencies') }} as currencies on spelled.currency = currencies.code
),

paying as (
    select *, {{ rounded('numerator', 'denominator') }} as mrr_minor
    from policied
    where paid_until > start_date
),

starts as (
    select distinct tenant_id, ledger, account_id, start_date
    from paying
    where mrr_minor is distinct from 0
)

select
    paying.tenant_id,
    paying.ledger,
    paying.account_id,
    paying.subscription_id as part_id,
    paying.plan,
    paying.currency,
    paying.start_date as from_date,
    -- A period that ends on the last known day is open only if that day was told, and nothing of the account follows.
    least(
        if(
            paying.paid_until = known.as_of
            and known.is_told
            and paying.status = 'active'
            and paying.canceled_date is null
            and paying.next_start <> known.as_of
            and followers.start_date is null,
            known.as_of + 1,
            paying.paid_until
        ),
        known.as_of + 1
    ) as end_date,
    if(paying.ends = paying.end_date, paying.end_date, null) as contract_end_date,
    known.as_of as ledger_end,
    paying.mrr_minor
from paying
inner join {{ ref('int_as_of_records') }} as known
    on paying.tenant_id = known.tenant_id and paying.basis = known.basis and known.object = 'subscriptions'
left join starts as followers
    on paying.tenant_id = followers.tenant_id
    and paying.ledger = followers.ledger
    and paying.account_id = followers.account_id
    and followers.start_date = known.as_of
where paying.mrr_minor is distinct from 0
