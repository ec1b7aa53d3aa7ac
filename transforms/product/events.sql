/*
inputs:
  bronze/product/events: {rows: new}
write: upsert
materialize: [losers]
*/
-- The copy of a message that was received first wins; equal times go by the smaller canonical JSON, so that the order
-- of landing never matters. An id with one copy, which is nearly every id, passes through without any comparison, and
-- so do wide columns: a row of bronze is named by its batch and line. Where an older landing's copy wins, silver has it.
WITH contested AS (
    SELECT message_key
    FROM bronze_product_events
    GROUP BY message_key
    HAVING count(*) > 1
    UNION
    -- Ids that silver has already: all their copies are compared again, from bronze, because silver keeps no payload.
    SELECT s.message_key
    FROM silver_product_events__self AS s
    LEFT SEMI JOIN bronze_product_events AS b ON s.tenant_id = b.tenant_id AND s.message_key = b.message_key
),

losers AS (
    SELECT tenant_id, message_key, batch_id, line
    FROM (
        SELECT
            b.tenant_id, b.message_key, b.batch_id, b.line,
            row_number() OVER (
                PARTITION BY b.tenant_id, b.record_id
                ORDER BY
                    coalesce(b.received_at, b.sent_at, b.timestamp, b.original_timestamp),
                    b.payload,
                    b.batch_id,
                    b.line
            ) AS place
        FROM bronze_product_events__all AS b
        LEFT SEMI JOIN contested AS c ON b.message_key = c.message_key
    ) AS ranked
    WHERE place > 1
),

winners AS (
    SELECT b.*
    FROM bronze_product_events AS b
    LEFT ANTI JOIN losers AS l
        ON b.tenant_id = l.tenant_id
        AND b.message_key = l.message_key
        AND b.batch_id = l.batch_id
        AND b.line = l.line
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
    source_id,
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
