-- The same work as transforms/, as somebody would write it by hand: DuckDB's own SQL, plain Parquet in, plain Parquet
-- out, no tenancy, no increments, no log. The yardstick of `python -m bench silver`.
CREATE TEMP VIEW bronze AS SELECT * FROM read_parquet('{folder}/bronze/*.parquet');

COPY (
    WITH contested AS (
        SELECT tenant_id, message_key FROM bronze GROUP BY ALL HAVING count(*) > 1
    ),
    losers AS (
        SELECT tenant_id, message_key, batch_id, line FROM bronze SEMI JOIN contested USING (tenant_id, message_key)
        QUALIFY row_number() OVER (
            PARTITION BY tenant_id, record_id
            ORDER BY coalesce(received_at, sent_at, timestamp, original_timestamp), payload
        ) > 1
    ),
    timed AS (
        SELECT
            * EXCLUDE (received_at),
            coalesce(received_at, sent_at, timestamp, original_timestamp) AS received_at,
            least(
                CASE
                    WHEN received_at IS NOT NULL AND sent_at IS NOT NULL AND original_timestamp IS NOT NULL
                        THEN received_at - (sent_at - original_timestamp)
                    ELSE coalesce(timestamp, original_timestamp, received_at, sent_at)
                END,
                coalesce(received_at, sent_at, timestamp, original_timestamp) + INTERVAL 5 MINUTE
            ) AS event_time
        FROM bronze ANTI JOIN losers USING (tenant_id, message_key, batch_id, line)
    )
    SELECT
        tenant_id, record_id AS message_id, message_key, type, event, name, user_id, anonymous_id, previous_id, group_id,
        event_time, event_time::DATE AS event_date, received_at, timestamp, original_timestamp, sent_at, properties,
        traits, context, payload_sha
    FROM timed
) TO '{folder}/events.parquet' (COMPRESSION zstd, COMPRESSION_LEVEL 1);

CREATE TEMP VIEW events AS SELECT * FROM read_parquet('{folder}/events.parquet');

CREATE TEMP TABLE claims AS
SELECT
    tenant_id, anonymous_id, user_id,
    CASE WHEN lag(event_time) OVER spell IS NULL THEN '1900-01-01'::TIMESTAMP ELSE event_time END AS valid_from,
    lead(event_time, 1, '9999-12-31'::TIMESTAMP) OVER spell AS valid_to
FROM (
    SELECT tenant_id, anonymous_id, user_id, event_time
    FROM events WHERE user_id IS NOT NULL AND anonymous_id IS NOT NULL
    QUALIFY user_id IS DISTINCT FROM lag(user_id) OVER (PARTITION BY tenant_id, anonymous_id ORDER BY event_time, message_id)
)
WINDOW spell AS (PARTITION BY tenant_id, anonymous_id ORDER BY event_time);

CREATE TEMP TABLE memberships AS
SELECT
    tenant_id, user_id, group_id AS account_id, event_time AS valid_from,
    lead(event_time, 1, '9999-12-31'::TIMESTAMP) OVER (PARTITION BY tenant_id, user_id ORDER BY event_time) AS valid_to
FROM events WHERE type = 'group' AND user_id IS NOT NULL;

COPY (
    SELECT
        e.tenant_id, e.message_id, e.event_time, e.event_date, e.type,
        coalesce(e.user_id, c.user_id) AS user_id,
        CASE WHEN coalesce(e.user_id, c.user_id) IS NULL THEN e.anonymous_id END AS anonymous_id,
        coalesce(e.group_id, m.account_id, 'unresolved') AS account_id,
        CASE WHEN e.type = 'track' THEN e.event END AS feature,
        e.type IN ('track', 'page', 'screen') AS is_qualifying
    FROM events AS e
    LEFT JOIN claims AS c
        ON e.tenant_id = c.tenant_id AND CASE WHEN e.user_id IS NULL THEN e.anonymous_id END = c.anonymous_id
        AND e.event_time >= c.valid_from AND e.event_time < c.valid_to
    LEFT JOIN memberships AS m
        ON e.tenant_id = m.tenant_id AND coalesce(e.user_id, c.user_id) = m.user_id
        AND e.event_time >= m.valid_from AND e.event_time < m.valid_to
) TO '{folder}/activity.parquet' (COMPRESSION zstd, COMPRESSION_LEVEL 1);

CREATE TEMP VIEW activity AS SELECT * FROM read_parquet('{folder}/activity.parquet');

COPY (
    WITH visits AS (
        SELECT
            *, user_id IS NULL AS is_anonymous, coalesce(user_id, anonymous_id) AS visitor,
            lag(event_time) OVER (PARTITION BY tenant_id, user_id, anonymous_id ORDER BY event_time) AS before
        FROM activity WHERE is_qualifying
    ),
    runs AS (
        SELECT
            *,
            max(CASE WHEN before IS NULL OR event_time > before + INTERVAL 30 MINUTE THEN event_time END)
            OVER (PARTITION BY tenant_id, user_id, anonymous_id ORDER BY event_time) AS run_start
        FROM visits
    )
    SELECT
        tenant_id, md5(concat_ws('|', tenant_id, is_anonymous, visitor, epoch_us(min(event_time)))) AS session_id,
        any_value(user_id) AS user_id, any_value(anonymous_id) AS anonymous_id,
        arg_min(account_id, (event_time, message_id)) AS account_id,
        min(event_time) AS started_at, max(event_time) AS ended_at, count(*) AS events
    FROM runs
    GROUP BY
        tenant_id, is_anonymous, visitor, run_start,
        CASE WHEN run_start <= event_date - INTERVAL 1 DAY THEN event_date END
) TO '{folder}/sessions.parquet' (COMPRESSION zstd, COMPRESSION_LEVEL 1);

COPY (
    SELECT
        tenant_id, event_date AS date, account_id, user_id, anonymous_id, feature, count(*) AS events,
        count(*) FILTER (is_qualifying) AS qualifying_events
    FROM activity GROUP BY ALL
) TO '{folder}/usage_daily.parquet' (COMPRESSION zstd, COMPRESSION_LEVEL 1);
