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
        a.user_id IS NULL AS is_anonymous,
        coalesce(a.user_id, a.anonymous_id) AS visitor_id,
        s.session_gap_seconds
    FROM silver_product_activity AS a
    INNER JOIN settings AS s ON a.tenant_id = s.tenant_id
    WHERE a.is_qualifying
),

spaced AS (
    SELECT
        v.*,
        lag(event_time) OVER (PARTITION BY tenant_id, is_anonymous, visitor_id ORDER BY event_time) AS before_time
    FROM visits AS v
),

runs AS (
    -- Without ROWS: events of one time are peers and belong to one run, whichever of them the engine counts first.
    SELECT
        s.*,
        max(
            CASE
                WHEN before_time IS NULL OR event_time > before_time + session_gap_seconds * INTERVAL '1' SECOND
                    THEN event_time
            END
        ) OVER (PARTITION BY tenant_id, is_anonymous, visitor_id ORDER BY event_time) AS run_start
    FROM spaced AS s
),

cut AS (
    -- Every day that the cut applies to is a session of its own; the days before it, two at most, are the first one.
    SELECT
        r.*,
        CASE WHEN run_start <= CAST(date_sub(event_date, 1) AS TIMESTAMP) THEN event_date END AS cut_date
    FROM runs AS r
),

grouped AS (
    SELECT
        tenant_id,
        is_anonymous,
        visitor_id,
        min(event_time) AS started_at,
        max(event_time) AS ended_at,
        count(*) AS events,
        min_by(account_id, struct(event_time, message_id)) AS account_id
    FROM cut
    GROUP BY tenant_id, is_anonymous, visitor_id, run_start, cut_date
)

SELECT
    tenant_id,
    md5(
        concat_ws(
            '|',
            tenant_id,
            CASE WHEN is_anonymous THEN 'anonymous' ELSE 'user' END,
            visitor_id,
            CAST(unix_micros(started_at) AS STRING)
        )
    ) AS session_id,
    CASE WHEN NOT is_anonymous THEN visitor_id END AS user_id,
    CASE WHEN is_anonymous THEN visitor_id END AS anonymous_id,
    account_id,
    started_at,
    ended_at,
    CAST(started_at AS DATE) AS session_date,
    events,
    trunc(CAST(started_at AS DATE), 'MONTH') AS session_month
FROM grouped
