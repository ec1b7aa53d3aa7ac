/*
inputs:
  silver/product/events: {days: [0, 0]}
  silver/product/aliases: {days: all, touches: query}
  silver/product/claims: {days: all, touches: query}
  silver/product/memberships: {days: all, touches: query}
  silver/product/internal_users: {days: all, touches: query}
  silver/crm/users: {days: all, touches: query}
*/
-- Who did each event, for which account, with which feature (METRICS §1), and what of it misses the tracking plan.
WITH named AS (
    SELECT
        e.tenant_id, e.message_id, e.event_time, e.event_date, e.event_month, e.source_id, e.type, e.event, e.group_id,
        coalesce(a.resolved_user_id, e.user_id, c.user_id) AS user_id,
        e.anonymous_id
    FROM silver_product_events AS e
    LEFT JOIN silver_product_aliases AS a ON e.tenant_id = a.tenant_id AND e.user_id = a.user_id
    LEFT JOIN silver_product_claims AS c
        ON e.tenant_id = c.tenant_id
        AND CASE WHEN e.user_id IS NULL THEN e.anonymous_id END = c.anonymous_id
        AND e.event_time >= c.valid_from
        AND e.event_time < coalesce(c.valid_to, TIMESTAMP '9999-12-31 00:00:00')
),

placed AS (
    SELECT
        n.tenant_id, n.message_id, n.event_time, n.event_date, n.event_month, n.source_id, n.type, n.event, n.user_id,
        CASE WHEN n.user_id IS NULL THEN n.anonymous_id END AS anonymous_id,
        coalesce(n.group_id, m.account_id, u.account_id, 'unresolved') AS account_id
    FROM named AS n
    LEFT JOIN silver_product_memberships AS m
        ON n.tenant_id = m.tenant_id
        AND CASE WHEN n.group_id IS NULL THEN coalesce(n.user_id, n.anonymous_id) END = m.visitor_id
        AND m.visitor_kind = CASE WHEN n.user_id IS NULL THEN 'anonymous' ELSE 'user' END
        AND n.event_time >= m.valid_from
        AND n.event_time < coalesce(m.valid_to, TIMESTAMP '9999-12-31 00:00:00')
    LEFT JOIN silver_crm_users AS u
        ON n.tenant_id = u.tenant_id
        AND CASE WHEN n.group_id IS NULL THEN n.user_id END = u.user_id
        AND n.event_time >= u.valid_from
        AND n.event_time < coalesce(u.valid_to, TIMESTAMP '9999-12-31 00:00:00')
),

-- The wide column is read for tenants whose plan requires properties, and for nobody else.
lacking AS (
    SELECT e.tenant_id, e.message_id, array_join(array_sort(collect_set(r.property)), ', ') AS properties
    FROM silver_product_events AS e
    INNER JOIN plan_properties AS r ON e.tenant_id = r.tenant_id AND e.event = r.event
    -- An empty value is absent, as everywhere.
    WHERE coalesce(get_json_object(e.properties, concat('$.', r.property)), '') = ''
    GROUP BY e.tenant_id, e.message_id
),

judged AS (
    SELECT
        p.*,
        (i.user_id IS NOT NULL OR r.value IS NOT NULL) AS is_internal,
        q.type IS NOT NULL AS is_qualifying_type,
        coalesce(s.has_plan, FALSE) AS has_plan,
        e.event IS NOT NULL AS is_planned,
        CASE WHEN s.has_plan THEN e.feature ELSE p.event END AS feature,
        l.properties AS lacking
    FROM placed AS p
    LEFT JOIN silver_product_internal_users AS i ON p.tenant_id = i.tenant_id AND p.user_id = i.user_id
    LEFT JOIN internal_rules AS r ON p.tenant_id = r.tenant_id AND p.account_id = r.value AND r.kind = 'account'
    LEFT JOIN qualifying_types AS q ON p.tenant_id = q.tenant_id AND p.type = q.type
    LEFT JOIN settings AS s ON p.tenant_id = s.tenant_id
    LEFT JOIN plan_events AS e ON p.tenant_id = e.tenant_id AND p.event = e.event
    LEFT JOIN lacking AS l ON p.tenant_id = l.tenant_id AND p.message_id = l.message_id
)

SELECT
    tenant_id,
    message_id,
    event_time,
    event_date,
    type,
    user_id,
    anonymous_id,
    account_id,
    source_id,
    CASE WHEN type = 'track' AND is_qualifying_type AND NOT is_internal THEN feature END AS feature,
    CASE
        WHEN type = 'track' AND has_plan AND NOT is_planned THEN 'unknown event'
        WHEN type = 'track' AND has_plan AND lacking IS NOT NULL THEN concat('missing ', lacking)
    END AS plan_miss,
    is_qualifying_type AND NOT is_internal AS is_qualifying,
    is_internal,
    event_month
FROM judged
