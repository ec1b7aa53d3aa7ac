-- Day grain, reporting currency: an account's currencies together, converted with one rounding at each day's rate.
with spells as (
    select tenant_id, account_id, currency, from_date, to_date, mrr_minor, as_of
    from {{ ref('int_mrr_spells') }}
    where ledger = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

-- Stretches with one MRR and one rate: a new rate is a step too.
rated as (
    select
        spells.tenant_id, spells.account_id, spells.currency, spells.mrr_minor, rates.rate, spells.as_of,
        greatest(spells.from_date, rates.from_date) as from_date,
        least(spells.to_date, rates.to_date) as to_date
    from spells
    inner join {{ ref('int_reporting_rates') }} as rates
        on spells.tenant_id = rates.tenant_id and spells.currency = rates.currency and rates.basis = 'now'
        and spells.from_date <= rates.to_date and spells.to_date >= rates.from_date
),

dates as (
    select tenant_id, account_id, from_date as date from rated
    union
    select tenant_id, account_id, to_date + 1 from rated where to_date < as_of
),

sides as (
    -- What stood on the day before, at both days' rates, and what stands on the day.
    select
        dates.tenant_id, dates.account_id, dates.date, before.currency, before.mrr_minor as before_minor,
        0 as after_minor
    from dates
    inner join spells as before
        on dates.tenant_id = before.tenant_id and dates.account_id = before.account_id
        and dates.date - 1 between before.from_date and before.to_date
    union all
    select dates.tenant_id, dates.account_id, dates.date, after.currency, 0, after.mrr_minor
    from dates
    inner join spells as after
        on dates.tenant_id = after.tenant_id and dates.account_id = after.account_id
        and dates.date between after.from_date and after.to_date
),

converted as (
    select
        sides.tenant_id, sides.account_id, sides.date,
        {{ reported('before_minor', 'old.rate') }} as before_old,
        {{ reported('before_minor', 'new.rate') }} as before_new,
        {{ reported('after_minor', 'new.rate') }} as after_new
    from sides
    left join {{ ref('int_reporting_rates') }} as old
        on sides.tenant_id = old.tenant_id and sides.currency = old.currency and old.basis = 'now'
        and sides.date - 1 between old.from_date and old.to_date
    left join {{ ref('int_reporting_rates') }} as new
        on sides.tenant_id = new.tenant_id and sides.currency = new.currency and new.basis = 'now'
        and sides.date between new.from_date and new.to_date
    group by all
),

moved as (
    select
        converted.*,
        {{ movement(
            'started.starts_as', 'started.starts_as is null', 'ended.to_date is null', 'before_new', 'after_new'
        ) }} as movement_type
    from converted
    left join {{ ref('int_paying_spells') }} as started
        on converted.tenant_id = started.tenant_id and started.ledger = 'default'
        and converted.account_id = started.account_id and converted.date = started.from_date
    left join {{ ref('int_paying_spells') }} as ended
        on converted.tenant_id = ended.tenant_id and ended.ledger = 'default'
        and converted.account_id = ended.account_id and converted.date - 1 = ended.to_date
)

select
    tenant_id, account_id, date as movement_date, movement_type,
    after_new - before_new as delta_minor, before_new as mrr_before_minor, after_new as mrr_after_minor
from moved
where movement_type is not null
union all
select tenant_id, account_id, date, 'fx', before_new - before_old, before_old, before_new
from moved
where before_new is distinct from before_old
