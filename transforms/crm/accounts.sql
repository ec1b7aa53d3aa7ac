/*
# Written by `python -m transforms.typed` from warehouse_models/objects/; a test fails when it differs.
inputs:
  silver/crm/versions: {days: all}
*/
SELECT
    tenant_id,
    record_id AS account_id,
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
    is_deleted,
    valid_from,
    valid_to,
    is_current,
    updated_at,
    get_json_object(payload, '$.extra') AS extra
FROM silver_crm_versions
WHERE object = 'accounts'
