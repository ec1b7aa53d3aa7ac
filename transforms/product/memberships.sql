/*
inputs:
  silver/product/signals: {days: all}
  silver/product/aliases: {days: all}
  silver/product/claims: {days: all}
*/
-- The last group call of the resolved user, or of the anonymousId that nobody claimed, names the account from then on.
WITH calls AS (
    SELECT
        s.tenant_id,
        s.event_time,
        s.message_id,
        s.value AS account_id,
        coalesce(a.resolved_user_id, s.user_id, c.user_id) AS user_id,
        s.anonymous_id
    FROM silver_product_signals AS s
    LEFT JOIN silver_product_aliases AS a ON s.tenant_id = a.tenant_id AND s.user_id = a.user_id
    LEFT JOIN silver_product_claims AS c
        ON s.tenant_id = c.tenant_id
        AND CASE WHEN s.user_id IS NULL THEN s.anonymous_id END = c.anonymous_id
        AND s.event_time >= c.valid_from
        AND s.event_time < coalesce(c.valid_to, TIMESTAMP '9999-12-31 00:00:00')
    WHERE s.kind = 'group'
),

placed AS (
    SELECT
        tenant_id,
        CASE WHEN user_id IS NULL THEN 'anonymous' ELSE 'user' END AS visitor_kind,
        coalesce(user_id, anonymous_id) AS visitor_id,
        account_id,
        event_time,
        row_number() OVER (
            PARTITION BY
                tenant_id,
                CASE WHEN user_id IS NULL THEN 'anonymous' ELSE 'user' END,
                coalesce(user_id, anonymous_id),
                event_time
            ORDER BY message_id DESC
        ) AS place
    FROM calls
),

followed AS (
    SELECT
        tenant_id, visitor_kind, visitor_id, account_id, event_time,
        lag(account_id) OVER (PARTITION BY tenant_id, visitor_kind, visitor_id ORDER BY event_time) AS before_account_id
    FROM placed
    WHERE place = 1
)

SELECT
    tenant_id,
    visitor_kind,
    visitor_id,
    account_id,
    event_time AS valid_from,
    lead(event_time) OVER (PARTITION BY tenant_id, visitor_kind, visitor_id ORDER BY event_time) AS valid_to
FROM followed
WHERE before_account_id IS NULL OR before_account_id <> account_id
