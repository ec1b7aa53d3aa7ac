/*
inputs:
  silver/product/activity: {days: [-2, 1]}
*/
-- A run is a visitor's qualifying events with no gap above the policy's; a session is a run, cut at the first event of
-- a day whose previous day the run had already begun at or before 00:00 of (monitors, bots). So a session lasts two
-- days at most, and those that start on day S follow from the events of S-2 to S+1: the window above.
WITH visits AS (
    SELECT
        a.tenant_id, a.user_id, a.anonymous_id, a.account_id, a.event_time, a.event_date, a.message_id,
        CASE WHEN a.user_id IS NULL THEN 'anonymous' ELSE 'user' END AS kind,
        coalesce(a.user_id, a.anonymous_id) AS visitor_id,
        s.session_gap_seconds
    FROM silver_product_activity AS a
    INNER JOIN settings AS s ON a.tenant_id = s.tenant_id
    WHERE a.is_qualifying
),

spaced AS (
    SELECT
        v.*,
        lag(event_time) OVER (PARTITION BY tenant_id, kind, visitor_id ORDER BY event_time, message_id) AS before_time
    FROM visits AS v
),

marked AS (
    SELECT
        s.*,
        CASE
            WHEN before_time IS NULL OR event_time > before_time + session_gap_seconds * INTERVAL '1' SECOND
                THEN event_time
        END AS run_mark
    FROM spaced AS s
),

runs AS (
    SELECT
        m.*,
        max(run_mark) OVER (
            PARTITION BY tenant_id, kind, visitor_id
            ORDER BY event_time, message_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS run_start
    FROM marked AS m
),

cut AS (
    SELECT
        r.*,
        CASE
            WHEN run_mark IS NOT NULL THEN 1
            WHEN CAST(before_time AS DATE) < event_date
                AND run_start <= CAST(date_sub(event_date, 1) AS TIMESTAMP)
                THEN 1
            ELSE 0
        END AS is_start
    FROM runs AS r
),

numbered AS (
    SELECT
        c.*,
        sum(is_start) OVER (
            PARTITION BY tenant_id, kind, visitor_id
            ORDER BY event_time, message_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS number
    FROM cut AS c
),

grouped AS (
    SELECT
        tenant_id,
        kind,
        visitor_id,
        min(event_time) AS started_at,
        max(event_time) AS ended_at,
        count(*) AS events,
        max(CASE WHEN is_start = 1 THEN account_id END) AS account_id
    FROM numbered
    GROUP BY tenant_id, kind, visitor_id, number
)

SELECT
    tenant_id,
    md5(concat_ws('|', tenant_id, kind, visitor_id, CAST(unix_micros(started_at) AS STRING))) AS session_id,
    CASE WHEN kind = 'user' THEN visitor_id END AS user_id,
    CASE WHEN kind = 'anonymous' THEN visitor_id END AS anonymous_id,
    account_id,
    started_at,
    ended_at,
    CAST(started_at AS DATE) AS session_date,
    events,
    trunc(CAST(started_at AS DATE), 'MONTH') AS session_month
FROM grouped
