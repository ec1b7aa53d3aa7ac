select
    days.tenant_id, days.account_id, days.currency,
    unnest(range(
        greatest(days.from_date, affected.from_date), least(days.to_date, affected.to_date) + 1, interval 1 day
    ))::date as date,
    days.mrr_minor,
    days.mrr_reporting_minor
from {{ ref('int_mrr_days') }} as days
inner join {{ ref('int_affected_mrr_days') }} as affected
    on days.tenant_id = affected.tenant_id
    and days.from_date <= affected.to_date and days.to_date >= affected.from_date
