/*
inputs:
  silver/product/events: {days: all}
  bronze/landings: {days: all}
*/
-- data_through is the latest of the last received date, the last event date and the watermark (METRICS §1); the wall
-- clock plays no part, so that the same input gives the same rows tomorrow.
WITH seen AS (
    SELECT
        tenant_id,
        min(event_date) AS first_event_date,
        max(event_date) AS last_event_date,
        CAST(max(received_at) AS DATE) AS last_received_date
    FROM silver_product_events
    GROUP BY tenant_id
),

told AS (
    SELECT tenant_id, CAST(max(as_of) AS DATE) AS watermark_date
    FROM bronze_landings
    WHERE as_of IS NOT NULL
    GROUP BY tenant_id
),

tenants AS (
    SELECT tenant_id FROM seen
    UNION
    SELECT tenant_id FROM told
)

SELECT
    t.tenant_id,
    s.first_event_date,
    s.last_event_date,
    s.last_received_date,
    w.watermark_date,
    greatest(s.last_event_date, s.last_received_date, w.watermark_date) AS data_through
FROM tenants AS t
LEFT JOIN seen AS s ON t.tenant_id = s.tenant_id
LEFT JOIN told AS w ON t.tenant_id = w.tenant_id
