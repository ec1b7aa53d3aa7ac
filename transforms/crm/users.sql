/*
inputs:
  bronze/crm/users: {days: all}
*/
-- Versions of a record order by updated_at. Two rows of one key and one time with other content void that time (both are
-- in quarantine); a version equal to its predecessor adds nothing; the first is valid from the beginning of time.
WITH versions AS (
    SELECT
        tenant_id,
        record_id AS user_id,
        updated_at,
        min(op) = 'delete' AS is_deleted,
        min(CASE WHEN op <> 'delete' THEN payload END) AS payload
    FROM bronze_crm_users
    GROUP BY tenant_id, record_id, updated_at
    HAVING count(DISTINCT payload_sha) = 1
),

typed AS (
    SELECT
        tenant_id,
        user_id,
        updated_at,
        is_deleted,
        nullif(get_json_object(payload, '$.account_id'), '') AS account_id,
        nullif(get_json_object(payload, '$.email'), '') AS email,
        nullif(get_json_object(payload, '$.name'), '') AS name,
        nullif(get_json_object(payload, '$.role'), '') AS role,
        try_cast(nullif(get_json_object(payload, '$.created_at'), '') AS TIMESTAMP) AS created_at,
        get_json_object(payload, '$.extra') AS extra
    FROM versions
),

compared AS (
    SELECT
        t.*,
        CAST(array(
            CAST(is_deleted AS STRING), account_id, email, name, role, CAST(created_at AS STRING), extra
        ) AS ARRAY<STRING>) AS content
    FROM typed AS t
),

followed AS (
    SELECT
        c.*,
        lag(content) OVER (PARTITION BY tenant_id, user_id ORDER BY updated_at) AS before_content
    FROM compared AS c
),

changes AS (
    SELECT
        f.*,
        row_number() OVER (PARTITION BY tenant_id, user_id ORDER BY updated_at) AS place,
        lead(updated_at) OVER (PARTITION BY tenant_id, user_id ORDER BY updated_at) AS next_at
    FROM followed AS f
    WHERE before_content IS NULL OR content IS DISTINCT FROM before_content
)

SELECT
    tenant_id, user_id, account_id, email, name, role, created_at, is_deleted,
    CASE WHEN place = 1 THEN TIMESTAMP '1900-01-01 00:00:00' ELSE updated_at END AS valid_from,
    next_at AS valid_to,
    next_at IS NULL AS is_current,
    updated_at,
    extra
FROM changes
