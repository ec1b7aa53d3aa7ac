/*
inputs:
  bronze/product/events: {rows: new}
write: upsert
*/
-- The copy of a message that was received first wins; equal times go by the smaller canonical JSON, so that the order
-- of landing never matters. Only ids with more than one copy pay for the ranking, because payloads are wide; a row of
-- bronze is named by its batch and line.
WITH arrivals AS (
    SELECT tenant_id, message_key
    FROM bronze_product_events
),

known AS (
    -- Ids that silver has already: all their copies are compared again, from bronze, because silver keeps no payload.
    SELECT DISTINCT s.tenant_id, s.message_key
    FROM silver_product_events__self AS s
    INNER JOIN arrivals AS a ON s.tenant_id = a.tenant_id AND s.message_key = a.message_key
),

copies AS (
    SELECT b.*
    FROM bronze_product_events AS b
    LEFT ANTI JOIN known AS k ON b.tenant_id = k.tenant_id AND b.message_key = k.message_key
    UNION ALL
    SELECT b.*
    FROM bronze_product_events__all AS b
    LEFT SEMI JOIN known AS k ON b.tenant_id = k.tenant_id AND b.message_key = k.message_key
),

contested AS (
    SELECT tenant_id, message_key
    FROM copies
    GROUP BY tenant_id, message_key
    HAVING count(*) > 1
),

losers AS (
    SELECT tenant_id, message_key, batch_id, line
    FROM (
        SELECT
            c.tenant_id, c.message_key, c.batch_id, c.line,
            row_number() OVER (
                PARTITION BY c.tenant_id, c.record_id
                ORDER BY
                    coalesce(c.received_at, c.sent_at, c.timestamp, c.original_timestamp),
                    c.payload,
                    c.batch_id,
                    c.line
            ) AS place
        FROM copies AS c
        LEFT SEMI JOIN contested AS d ON c.tenant_id = d.tenant_id AND c.message_key = d.message_key
    ) AS ranked
    WHERE place > 1
),

winners AS (
    SELECT c.*
    FROM copies AS c
    LEFT ANTI JOIN losers AS l
        ON c.tenant_id = l.tenant_id
        AND c.message_key = l.message_key
        AND c.batch_id = l.batch_id
        AND c.line = l.line
),

timed AS (
    SELECT
        w.*,
        coalesce(w.received_at, w.sent_at, w.timestamp, w.original_timestamp) AS received_time,
        CASE
            WHEN w.received_at IS NOT NULL AND w.sent_at IS NOT NULL AND w.original_timestamp IS NOT NULL
                THEN w.received_at - (w.sent_at - w.original_timestamp)
            ELSE coalesce(w.timestamp, w.original_timestamp, w.received_at, w.sent_at)
        END AS own_time,
        s.event_time_clamp_seconds
    FROM winners AS w
    INNER JOIN settings AS s ON w.tenant_id = s.tenant_id
),

clamped AS (
    SELECT t.*, least(t.own_time, t.received_time + t.event_time_clamp_seconds * INTERVAL '1' SECOND) AS event_time
    FROM timed AS t
)

SELECT
    tenant_id,
    record_id AS message_id,
    message_key,
    type,
    event,
    name,
    user_id,
    anonymous_id,
    previous_id,
    group_id,
    event_time,
    CAST(event_time AS DATE) AS event_date,
    received_time AS received_at,
    timestamp,
    original_timestamp,
    sent_at,
    properties,
    traits,
    context,
    payload_sha,
    trunc(CAST(event_time AS DATE), 'MONTH') AS event_month
FROM clamped
