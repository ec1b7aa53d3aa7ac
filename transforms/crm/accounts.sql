/*
inputs:
  bronze/crm/accounts: {days: all}
*/
-- Versions of a record order by updated_at. Two rows of one key and one time with other content void that time (both are
-- in quarantine); a version equal to its predecessor adds nothing; the first is valid from the beginning of time.
WITH versions AS (
    SELECT
        tenant_id,
        record_id AS account_id,
        updated_at,
        min(op) = 'delete' AS is_deleted,
        min(CASE WHEN op <> 'delete' THEN payload END) AS payload
    FROM bronze_crm_accounts
    GROUP BY tenant_id, record_id, updated_at
    HAVING count(DISTINCT payload_sha) = 1
),

typed AS (
    SELECT
        tenant_id,
        account_id,
        updated_at,
        is_deleted,
        nullif(get_json_object(payload, '$.name'), '') AS name,
        nullif(get_json_object(payload, '$.parent_account_id'), '') AS parent_account_id,
        nullif(get_json_object(payload, '$.segment'), '') AS segment,
        nullif(get_json_object(payload, '$.industry'), '') AS industry,
        nullif(get_json_object(payload, '$.country'), '') AS country,
        nullif(get_json_object(payload, '$.csm'), '') AS csm,
        try_cast(nullif(get_json_object(payload, '$.created_at'), '') AS TIMESTAMP) AS created_at,
        try_cast(nullif(get_json_object(payload, '$.renewal_date'), '') AS DATE) AS renewal_date,
        nullif(get_json_object(payload, '$.currency'), '') AS currency,
        try_cast(nullif(get_json_object(payload, '$.licensed_seats'), '') AS BIGINT) AS licensed_seats,
        get_json_object(payload, '$.extra') AS extra
    FROM versions
),

compared AS (
    SELECT
        t.*,
        CAST(array(
            CAST(is_deleted AS STRING), name, parent_account_id, segment, industry, country, csm,
            CAST(created_at AS STRING), CAST(renewal_date AS STRING), currency, CAST(licensed_seats AS STRING), extra
        ) AS ARRAY<STRING>) AS content
    FROM typed AS t
),

followed AS (
    SELECT
        c.*,
        lag(content) OVER (PARTITION BY tenant_id, account_id ORDER BY updated_at) AS before_content
    FROM compared AS c
),

changes AS (
    SELECT
        f.*,
        row_number() OVER (PARTITION BY tenant_id, account_id ORDER BY updated_at) AS place,
        lead(updated_at) OVER (PARTITION BY tenant_id, account_id ORDER BY updated_at) AS next_at
    FROM followed AS f
    WHERE before_content IS NULL OR content IS DISTINCT FROM before_content
)

SELECT
    tenant_id, account_id, name, parent_account_id, segment, industry, country, csm, created_at, renewal_date,
    currency, licensed_seats, is_deleted,
    CASE WHEN place = 1 THEN TIMESTAMP '1900-01-01 00:00:00' ELSE updated_at END AS valid_from,
    next_at AS valid_to,
    next_at IS NULL AS is_current,
    updated_at,
    extra
FROM changes
