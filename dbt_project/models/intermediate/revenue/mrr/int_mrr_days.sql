-- One row per account, currency, and stretch of days with one MRR and one reporting amount. A day without MRR on which it
-- was lost is a stretch of its own. Compared with the last run's, it says which days of fct_mrr_daily move.
with spells as (
    select tenant_id, account_id, currency, from_date, to_date, mrr_minor, as_of
    from {{ ref('int_mrr_spells') }}
    where ledger = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

losses as (
    select tenant_id, account_id, currency, to_date + 1 as date
    from spells
    where to_date < as_of
        and not exists (
            select 1
            from spells as next_
            where next_.tenant_id = spells.tenant_id and next_.account_id = spells.account_id
                and next_.currency = spells.currency and next_.from_date = spells.to_date + 1
        )
),

stretches as (
    select tenant_id, account_id, currency, from_date, to_date, mrr_minor from spells
    union all
    select tenant_id, account_id, currency, date, date, 0 from losses
),

rated as (
    select
        stretches.tenant_id, stretches.account_id, stretches.currency, stretches.mrr_minor,
        greatest(stretches.from_date, coalesce(rates.from_date, stretches.from_date)) as from_date,
        least(stretches.to_date, coalesce(rates.to_date, stretches.to_date)) as to_date,
        rates.rate
    from stretches
    left join {{ ref('int_reporting_rates') }} as rates
        on stretches.tenant_id = rates.tenant_id and stretches.currency = rates.currency and rates.basis = 'now'
        and stretches.from_date <= rates.to_date and stretches.to_date >= rates.from_date
)

select
    tenant_id, account_id, currency, from_date, to_date, mrr_minor,
    {{ rounded('(' ~ product('mrr_minor', 'rate') ~ ')', '10000000000000000::hugeint') }} as mrr_reporting_minor
from rated
