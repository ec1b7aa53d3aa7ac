/*
inputs:
  silver/product/signals: {days: all}
  silver/product/aliases: {days: all}
*/
-- An anonymous event belongs to the latest claim of its anonymousId at or before it, else to the first one.
WITH said AS (
    SELECT tenant_id, anonymous_id, user_id, event_time, message_id
    FROM silver_product_signals
    WHERE kind = 'claim'
    UNION ALL
    SELECT tenant_id, previous_id AS anonymous_id, user_id, event_time, message_id
    FROM silver_product_signals
    WHERE kind = 'alias'
),

resolved AS (
    SELECT
        s.tenant_id, s.anonymous_id, s.event_time, coalesce(a.resolved_user_id, s.user_id) AS user_id,
        row_number() OVER (PARTITION BY s.tenant_id, s.anonymous_id ORDER BY s.event_time, s.message_id) AS place,
        row_number() OVER (
            PARTITION BY s.tenant_id, s.anonymous_id, s.event_time
            ORDER BY s.message_id DESC
        ) AS place_at_once
    FROM said AS s
    LEFT JOIN silver_product_aliases AS a ON s.tenant_id = a.tenant_id AND s.user_id = a.user_id
),

-- The first claim reaches back to the beginning, also where another of the same time takes over at once.
points AS (
    SELECT tenant_id, anonymous_id, TIMESTAMP '1900-01-01 00:00:00' AS valid_from, user_id
    FROM resolved
    WHERE place = 1
    UNION ALL
    SELECT tenant_id, anonymous_id, event_time AS valid_from, user_id
    FROM resolved
    WHERE place_at_once = 1
),

followed AS (
    SELECT
        tenant_id, anonymous_id, valid_from, user_id,
        lag(user_id) OVER (PARTITION BY tenant_id, anonymous_id ORDER BY valid_from) AS before_user_id
    FROM points
),

changes AS (
    SELECT tenant_id, anonymous_id, valid_from, user_id
    FROM followed
    WHERE before_user_id IS NULL OR before_user_id <> user_id
)

SELECT
    tenant_id,
    anonymous_id,
    user_id,
    valid_from,
    lead(valid_from) OVER (PARTITION BY tenant_id, anonymous_id ORDER BY valid_from) AS valid_to
FROM changes
