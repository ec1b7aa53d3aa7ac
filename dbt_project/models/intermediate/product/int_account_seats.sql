-- Seats as known at the end of each day: a version of the day itself counts, one that begins at midnight does not yet.
select
    tenant_id,
    account_id,
    valid_from::date as from_date,
    coalesce(valid_to::date - 1, date '2999-12-31') as to_date,
    licensed_seats
from {{ ref('stg_crm__accounts') }}
where licensed_seats is not null
    and (valid_to is null or valid_to::date > valid_from::date)
