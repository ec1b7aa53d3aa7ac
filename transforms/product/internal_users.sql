/*
inputs:
  silver/product/signals: {days: all}
  silver/product/aliases: {days: all}
  silver/crm/users: {days: all}
*/
-- The tenant's own people, by id, by e-mail domain (users rows or identify traits) or by account, in any version.
WITH named AS (
    SELECT tenant_id, value AS user_id
    FROM internal_rules
    WHERE kind = 'user'
    UNION
    SELECT u.tenant_id, u.user_id
    FROM silver_crm_users AS u
    INNER JOIN internal_rules AS r
        ON u.tenant_id = r.tenant_id
        AND (
            (r.kind = 'domain' AND lower(regexp_extract(u.email, '([^@]+)$', 1)) = r.value)
            OR (r.kind = 'account' AND u.account_id = r.value)
        )
    UNION
    SELECT s.tenant_id, s.user_id
    FROM silver_product_signals AS s
    INNER JOIN internal_rules AS r ON s.tenant_id = r.tenant_id AND s.value = r.value
    WHERE s.kind = 'domain' AND r.kind = 'domain'
)

SELECT DISTINCT n.tenant_id, coalesce(a.resolved_user_id, n.user_id) AS user_id
FROM named AS n
LEFT JOIN silver_product_aliases AS a ON n.tenant_id = a.tenant_id AND n.user_id = a.user_id
