/*
# `python -m transforms.typed` writes these inputs and the union of `received` (warehouse_models/objects/).
inputs:
  bronze/crm/accounts: {days: all}
  bronze/crm/users: {days: all}
  bronze/billing/subscriptions: {days: all}
  bronze/billing/invoices: {days: all}
  bronze/billing/exchange_rates: {days: all}
  bronze/landings: {days: all}
*/
-- Versions of a record order by updated_at. Two rows of one key and one time with other content void that time (both are
-- in quarantine); a version equal to its predecessor adds nothing; the first is valid from the beginning of time.
WITH received AS (
    SELECT tenant_id, object, record_id, updated_at, op, landed_at, batch_id, payload_sha, payload
    FROM bronze_crm_accounts
    UNION ALL
    SELECT tenant_id, object, record_id, updated_at, op, landed_at, batch_id, payload_sha, payload
    FROM bronze_crm_users
    UNION ALL
    SELECT tenant_id, object, record_id, updated_at, op, landed_at, batch_id, payload_sha, payload
    FROM bronze_billing_subscriptions
    UNION ALL
    SELECT tenant_id, object, record_id, updated_at, op, landed_at, batch_id, payload_sha, payload
    FROM bronze_billing_invoices
    UNION ALL
    SELECT tenant_id, object, record_id, updated_at, op, landed_at, batch_id, payload_sha, payload
    FROM bronze_billing_exchange_rates
),

named AS (
    -- What a complete delivery replaces: of a subscription all its periods, whose ids end in @ and their first day.
    SELECT
        r.*,
        CASE
            WHEN object = 'subscriptions' THEN substr(record_id, 1, length(record_id) - 11)
            ELSE record_id
        END AS thing_id
    FROM received AS r
),

-- A delivery landed with --complete says all there is to say of each id it names, up to the time it is true at: rows of
-- other deliveries up to then are void, whichever landed first. Of two such deliveries the later one counts.
complete AS (
    SELECT
        r.tenant_id,
        r.object,
        r.thing_id,
        max(coalesce(l.as_of, l.landed_at)) AS as_of,
        max_by(r.batch_id, struct(coalesce(l.as_of, l.landed_at), r.batch_id)) AS batch_id
    FROM named AS r
    INNER JOIN bronze_landings AS l
        ON r.tenant_id = l.tenant_id AND r.object = l.object AND r.batch_id = l.batch_id AND l.complete
    GROUP BY r.tenant_id, r.object, r.thing_id
),

said AS (
    SELECT
        r.tenant_id,
        r.object,
        r.record_id,
        r.updated_at,
        min(r.op) = 'delete' AS is_deleted,
        min(CASE WHEN r.op <> 'delete' THEN r.payload END) AS payload,
        min(r.payload_sha) AS payload_sha
    FROM named AS r
    LEFT JOIN complete AS c ON r.tenant_id = c.tenant_id AND r.object = c.object AND r.thing_id = c.thing_id
    WHERE c.batch_id IS NULL OR r.batch_id = c.batch_id OR r.updated_at > c.as_of
    GROUP BY r.tenant_id, r.object, r.record_id, r.updated_at
    HAVING count(DISTINCT r.payload_sha) = 1
),

followed AS (
    SELECT
        s.*,
        lag(payload_sha) OVER (PARTITION BY tenant_id, object, record_id ORDER BY updated_at) AS before_sha
    FROM said AS s
),

changes AS (
    SELECT
        f.*,
        row_number() OVER (PARTITION BY tenant_id, object, record_id ORDER BY updated_at) AS place,
        lead(updated_at) OVER (PARTITION BY tenant_id, object, record_id ORDER BY updated_at) AS next_at
    FROM followed AS f
    WHERE before_sha IS NULL OR payload_sha <> before_sha
)

SELECT
    tenant_id,
    object,
    record_id,
    payload,
    is_deleted,
    CASE WHEN place = 1 THEN TIMESTAMP '1900-01-01 00:00:00' ELSE updated_at END AS valid_from,
    next_at AS valid_to,
    next_at IS NULL AS is_current,
    updated_at
FROM changes
