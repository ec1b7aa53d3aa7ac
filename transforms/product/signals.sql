/*
inputs:
  silver/product/events: {days: [0, 0]}
*/
-- What events say about who somebody is. A claim is kept where it changes the owner of its anonymousId within the day;
-- aliases take part in that comparison, because an alias claims its previousId as an anonymousId too.
WITH claims AS (
    SELECT tenant_id, message_id, event_time, event_date, event_month, anonymous_id, user_id, 'claim' AS kind
    FROM silver_product_events
    WHERE user_id IS NOT NULL AND anonymous_id IS NOT NULL
    UNION ALL
    SELECT tenant_id, message_id, event_time, event_date, event_month, previous_id, user_id, 'alias' AS kind
    FROM silver_product_events
    WHERE type = 'alias' AND user_id IS NOT NULL AND previous_id IS NOT NULL
),

followed AS (
    SELECT
        claims.*,
        lag(user_id) OVER (
            PARTITION BY tenant_id, event_date, anonymous_id
            ORDER BY event_time, message_id, kind
        ) AS before_user_id
    FROM claims
),

domains AS (
    SELECT
        tenant_id, message_id, event_time, event_date, event_month, user_id, anonymous_id,
        lower(regexp_extract(get_json_object(traits, '$.email'), '([^@]+)$', 1)) AS domain
    FROM silver_product_events
    WHERE type = 'identify' AND user_id IS NOT NULL AND get_json_object(traits, '$.email') LIKE '%@%'
),

first_domains AS (
    SELECT
        domains.*,
        row_number() OVER (
            PARTITION BY tenant_id, event_date, user_id, domain
            ORDER BY event_time, message_id
        ) AS place
    FROM domains
)

SELECT
    tenant_id, kind, message_id, event_time, event_date, user_id, anonymous_id,
    CAST(NULL AS STRING) AS previous_id, CAST(NULL AS STRING) AS value, event_month
FROM followed
WHERE kind = 'claim' AND (before_user_id IS NULL OR before_user_id <> user_id)
UNION ALL
SELECT
    tenant_id, 'alias' AS kind, message_id, event_time, event_date, user_id, CAST(NULL AS STRING) AS anonymous_id,
    previous_id, CAST(NULL AS STRING) AS value, event_month
FROM silver_product_events
WHERE type = 'alias' AND user_id IS NOT NULL AND previous_id IS NOT NULL
UNION ALL
SELECT
    tenant_id, 'group' AS kind, message_id, event_time, event_date, user_id, anonymous_id,
    CAST(NULL AS STRING) AS previous_id, group_id AS value, event_month
FROM silver_product_events
WHERE type = 'group' AND group_id IS NOT NULL
UNION ALL
SELECT
    tenant_id, 'domain' AS kind, message_id, event_time, event_date, user_id, anonymous_id,
    CAST(NULL AS STRING) AS previous_id, domain AS value, event_month
FROM first_domains
WHERE place = 1
