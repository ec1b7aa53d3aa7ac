-- Ranges of days whose daily rows move, merged: per tenant they neither overlap nor touch, so no row is computed twice.
{% set touched = "tenant_id in (select tenant_id from " ~ ref('int_touched_tenants') ~ ")" %}

with moved as (
    -- A day stays in trailing windows for up to 55 days (the previous 28 of a usage trend).
    select tenant_id, from_date, to_date + 55 as to_date
    from {{ ref('int_touched') }}
    union all
    select tenant_id, from_date, to_date
    from {{ ref('int_affected_periods') }}
    union all
    -- A first use that moves changes the catalogue, and so every account's breadth, between the old and the new day.
    select
        tenant_id,
        least(now_.first_used_date, seen.first_used_date),
        if(
            now_.first_used_date is null or seen.first_used_date is null,
            date '2999-12-31',
            greatest(now_.first_used_date, seen.first_used_date) - 1
        )
    from {{ ref('int_features') }} as now_
    full join (select * from {{ source('control', 'seen_features') }} where {{ touched }}) as seen
        using (tenant_id, feature)
    where now_.first_used_date is distinct from seen.first_used_date
    union all
    -- has_event_data turns true on the account's first event.
    select
        tenant_id,
        least(now_.first_event_date, seen.first_event_date),
        if(
            now_.first_event_date is null or seen.first_event_date is null,
            date '2999-12-31',
            greatest(now_.first_event_date, seen.first_event_date) - 1
        )
    from (select * from {{ ref('int_accounts') }} where {{ touched }}) as now_
    full join (select * from {{ source('control', 'seen_accounts') }} where {{ touched }}) as seen
        using (tenant_id, account_id)
    where now_.first_event_date is distinct from seen.first_event_date
    union all
    -- Spells of seats that appeared or went change licence utilisation on their days.
    (
        (
            select tenant_id, from_date, to_date
            from (
                select * from {{ ref('int_account_seats') }} where {{ touched }}
                except
                select tenant_id, account_id, from_date, to_date, licensed_seats
                from {{ source('control', 'seen_seats') }}
            )
        )
        union all
        (
            select tenant_id, from_date, to_date
            from (
                select tenant_id, account_id, from_date, to_date, licensed_seats
                from {{ source('control', 'seen_seats') }} where {{ touched }}
                except
                select * from {{ ref('int_account_seats') }}
            )
        )
    )
)

{{ islands('moved') }}
