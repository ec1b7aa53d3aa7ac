/*
# Written by `python -m transforms.typed` from warehouse_models/objects/; a test fails when it differs.
inputs:
  silver/crm/versions: {days: all}
*/
SELECT
    tenant_id,
    record_id AS user_id,
    nullif(get_json_object(payload, '$.account_id'), '') AS account_id,
    nullif(get_json_object(payload, '$.email'), '') AS email,
    nullif(get_json_object(payload, '$.name'), '') AS name,
    nullif(get_json_object(payload, '$.role'), '') AS role,
    try_cast(nullif(get_json_object(payload, '$.created_at'), '') AS TIMESTAMP) AS created_at,
    is_deleted,
    valid_from,
    valid_to,
    is_current,
    updated_at,
    get_json_object(payload, '$.extra') AS extra
FROM silver_crm_versions
WHERE object = 'users'
