/*
inputs:
  silver/product/signals: {days: all}
materialize: [edges, walks]
*/
-- Each previousId follows its latest alias, to the end; a circle ends at the userId of its latest alias.
WITH RECURSIVE edges AS (
    SELECT tenant_id, previous_id AS old_id, user_id AS new_id, event_time, message_id
    FROM (
        SELECT
            tenant_id, previous_id, user_id, event_time, message_id,
            row_number() OVER (
                PARTITION BY tenant_id, previous_id
                ORDER BY event_time DESC, message_id DESC
            ) AS place
        FROM silver_product_signals
        WHERE kind = 'alias'
    ) AS aliases
    WHERE place = 1
),

walks AS (
    -- From every renamed id along the aliases until an id is met twice; the latest alias on the way is carried along,
    -- so that a walk that comes back to its origin has seen its whole circle.
    SELECT
        tenant_id, old_id AS origin, new_id AS node, array(old_id) AS path,
        event_time AS latest_time, message_id AS latest_message, new_id AS latest_id
    FROM edges
    UNION ALL
    SELECT
        w.tenant_id,
        w.origin,
        e.new_id AS node,
        array_append(w.path, w.node) AS path,
        CASE
            WHEN (e.event_time > w.latest_time)
                OR (e.event_time = w.latest_time AND e.message_id > w.latest_message)
                THEN e.event_time
            ELSE w.latest_time
        END AS latest_time,
        CASE
            WHEN (e.event_time > w.latest_time)
                OR (e.event_time = w.latest_time AND e.message_id > w.latest_message)
                THEN e.message_id
            ELSE w.latest_message
        END AS latest_message,
        CASE
            WHEN (e.event_time > w.latest_time)
                OR (e.event_time = w.latest_time AND e.message_id > w.latest_message)
                THEN e.new_id
            ELSE w.latest_id
        END AS latest_id
    FROM walks AS w
    INNER JOIN edges AS e ON w.tenant_id = e.tenant_id AND w.node = e.old_id
    WHERE NOT array_contains(w.path, w.node)
),

ends AS (
    SELECT w.tenant_id, w.origin, w.node
    FROM walks AS w
    LEFT ANTI JOIN edges AS e ON w.tenant_id = e.tenant_id AND w.node = e.old_id
    UNION ALL
    SELECT w.tenant_id, w.origin, c.latest_id AS node
    FROM walks AS w
    INNER JOIN walks AS c ON w.tenant_id = c.tenant_id AND w.node = c.origin AND c.node = c.origin
    WHERE array_contains(w.path, w.node)
)

SELECT tenant_id, origin AS user_id, node AS resolved_user_id
FROM ends
WHERE origin <> node
