/*
inputs:
  bronze/product/events: {rows: new}
write: upsert
materialize: [met, tied, losers]
*/
-- The copy of a message that was received first wins; equal times go by the smaller canonical JSON, so that the order
-- of landing never matters. An id with one copy, which is nearly every id, passes through without any comparison, and
-- so do wide columns: a row of bronze is named by its batch and line. Where an older landing's copy wins, silver has it.
WITH met AS (
    -- Ids that silver has already, by the copy that has won so far.
    SELECT s.tenant_id, s.message_key, s.message_id, s.received_at
    FROM silver_product_events__met AS s
    LEFT SEMI JOIN bronze_product_events AS b ON s.tenant_id = b.tenant_id AND s.message_key = b.message_key
),

tied AS (
    -- Received at the same time as that copy: silver keeps no payload, so all copies are compared again, from bronze.
    SELECT DISTINCT b.tenant_id, b.message_key
    FROM bronze_product_events AS b
    INNER JOIN met AS m
        ON b.tenant_id = m.tenant_id
        AND b.message_key = m.message_key
        AND m.received_at <=> coalesce(b.received_at, b.sent_at, b.timestamp, b.original_timestamp)
),

contested AS (
    SELECT message_key
    FROM bronze_product_events
    GROUP BY message_key
    HAVING count(*) > 1
    UNION
    SELECT message_key
    FROM met
),

copies AS (
    SELECT
        b.tenant_id, b.message_key, b.record_id, b.batch_id, b.line, b.payload,
        coalesce(b.received_at, b.sent_at, b.timestamp, b.original_timestamp) AS received_time
    FROM bronze_product_events AS b
    LEFT SEMI JOIN contested AS c ON b.message_key = c.message_key
    LEFT ANTI JOIN tied AS t ON b.tenant_id = t.tenant_id AND b.message_key = t.message_key
    UNION ALL
    SELECT
        m.tenant_id, m.message_key, m.message_id AS record_id, CAST(NULL AS STRING) AS batch_id,
        CAST(NULL AS BIGINT) AS line, CAST(NULL AS STRING) AS payload, m.received_at AS received_time
    FROM met AS m
    LEFT ANTI JOIN tied AS t ON m.tenant_id = t.tenant_id AND m.message_key = t.message_key
    UNION ALL
    SELECT
        b.tenant_id, b.message_key, b.record_id, b.batch_id, b.line, b.payload,
        coalesce(b.received_at, b.sent_at, b.timestamp, b.original_timestamp) AS received_time
    FROM bronze_product_events__all AS b
    LEFT SEMI JOIN tied AS t ON b.tenant_id = t.tenant_id AND b.message_key = t.message_key
),

losers AS (
    SELECT tenant_id, message_key, batch_id, line
    FROM (
        SELECT
            tenant_id, message_key, batch_id, line,
            row_number() OVER (
                PARTITION BY tenant_id, record_id
                ORDER BY received_time, payload, batch_id, line
            ) AS place
        FROM copies
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
