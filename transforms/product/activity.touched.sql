-- Days of older events that a change of names reaches: a later claim of their anonymousId, an alias, a group call, a
-- new version of a users row. Ids that changed are found by comparing each small table with the version consumed last.
WITH changed_claims AS (
    SELECT DISTINCT tenant_id, anonymous_id
    FROM (
        (SELECT * FROM silver_product_claims EXCEPT SELECT * FROM silver_product_claims__before)
        UNION ALL
        (SELECT * FROM silver_product_claims__before EXCEPT SELECT * FROM silver_product_claims)
    ) AS difference
),

changed_aliases AS (
    SELECT DISTINCT tenant_id, user_id
    FROM (
        (SELECT * FROM silver_product_aliases EXCEPT SELECT * FROM silver_product_aliases__before)
        UNION ALL
        (SELECT * FROM silver_product_aliases__before EXCEPT SELECT * FROM silver_product_aliases)
    ) AS difference
),

changed_visitors AS (
    SELECT tenant_id, visitor_kind, visitor_id
    FROM (
        (SELECT * FROM silver_product_memberships EXCEPT SELECT * FROM silver_product_memberships__before)
        UNION ALL
        (SELECT * FROM silver_product_memberships__before EXCEPT SELECT * FROM silver_product_memberships)
    ) AS memberships
    UNION
    SELECT tenant_id, 'user' AS visitor_kind, user_id AS visitor_id
    FROM (
        (SELECT * FROM silver_product_internal_users EXCEPT SELECT * FROM silver_product_internal_users__before)
        UNION ALL
        (SELECT * FROM silver_product_internal_users__before EXCEPT SELECT * FROM silver_product_internal_users)
    ) AS internals
    UNION
    SELECT tenant_id, 'user' AS visitor_kind, user_id AS visitor_id
    FROM (
        (
            SELECT tenant_id, user_id, account_id, valid_from, valid_to FROM silver_crm_users
            EXCEPT
            SELECT tenant_id, user_id, account_id, valid_from, valid_to FROM silver_crm_users__before
        )
        UNION ALL
        (
            SELECT tenant_id, user_id, account_id, valid_from, valid_to FROM silver_crm_users__before
            EXCEPT
            SELECT tenant_id, user_id, account_id, valid_from, valid_to FROM silver_crm_users
        )
    ) AS users
)

SELECT e.tenant_id, e.event_date
FROM silver_product_events__all AS e
INNER JOIN changed_claims AS c ON e.tenant_id = c.tenant_id AND e.anonymous_id = c.anonymous_id
WHERE e.user_id IS NULL
UNION
SELECT e.tenant_id, e.event_date
FROM silver_product_events__all AS e
INNER JOIN changed_aliases AS c ON e.tenant_id = c.tenant_id AND e.user_id = c.user_id
UNION
SELECT a.tenant_id, a.event_date
FROM silver_product_activity__self AS a
INNER JOIN changed_visitors AS v
    ON a.tenant_id = v.tenant_id
    AND a.user_id = v.visitor_id
    AND v.visitor_kind = 'user'
UNION
SELECT a.tenant_id, a.event_date
FROM silver_product_activity__self AS a
INNER JOIN changed_visitors AS v
    ON a.tenant_id = v.tenant_id
    AND a.anonymous_id = v.visitor_id
    AND v.visitor_kind = 'anonymous'
