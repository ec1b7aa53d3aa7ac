-- Day grain: each currency of an account where its MRR steps, against whether the account pays before and after.
with spells as (
    select tenant_id, account_id, currency, from_date, to_date, mrr_minor, as_of
    from {{ ref('int_mrr_spells') }}
    where ledger = 'default' and tenant_id in (select tenant_id from {{ ref('int_touched_revenue') }})
),

dates as (
    select tenant_id, account_id, currency, from_date as movement_date from spells
    union
    select tenant_id, account_id, currency, to_date + 1 from spells where to_date < as_of
),

steps as (
    select
        dates.*,
        coalesce(before.mrr_minor, 0) as mrr_before_minor,
        coalesce(after.mrr_minor, 0) as mrr_after_minor
    from dates
    left join spells as before
        on dates.tenant_id = before.tenant_id and dates.account_id = before.account_id
        and dates.currency = before.currency and dates.movement_date - 1 = before.to_date
    left join spells as after
        on dates.tenant_id = after.tenant_id and dates.account_id = after.account_id
        and dates.currency = after.currency and dates.movement_date = after.from_date
)

select
    steps.tenant_id, steps.account_id, steps.currency, steps.movement_date,
    {{ movement(
        'started.starts_as', 'started.starts_as is null', 'ended.to_date is null', 'mrr_before_minor',
        'mrr_after_minor', by_currency=true
    ) }} as movement_type,
    mrr_after_minor - mrr_before_minor as delta_minor,
    mrr_before_minor,
    mrr_after_minor
from steps
left join {{ ref('int_paying_spells') }} as started
    on steps.tenant_id = started.tenant_id and started.ledger = 'default'
    and steps.account_id = started.account_id and steps.movement_date = started.from_date
left join {{ ref('int_paying_spells') }} as ended
    on steps.tenant_id = ended.tenant_id and ended.ledger = 'default'
    and steps.account_id = ended.account_id and steps.movement_date - 1 = ended.to_date
