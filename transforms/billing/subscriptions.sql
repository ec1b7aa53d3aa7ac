/*
# Written by `python -m transforms.typed` from warehouse_models/objects/; a test fails when it differs.
inputs:
  silver/crm/versions: {days: all}
*/
-- The key stands in the record's id, so that a deletion has it too.
SELECT
    tenant_id,
    substr(record_id, 1, length(record_id) - 11) AS subscription_id,
    try_cast(substr(record_id, length(record_id) - 9, 10) AS DATE) AS start_date,
    get_json_object(payload, '$.account_id') AS account_id,
    get_json_object(payload, '$.plan') AS plan,
    try_cast(get_json_object(payload, '$.end_date') AS DATE) AS end_date,
    try_cast(get_json_object(payload, '$.amount') AS DECIMAL(38, 12)) AS amount,
    try_cast(get_json_object(payload, '$.list_amount') AS DECIMAL(38, 12)) AS list_amount,
    get_json_object(payload, '$.currency') AS currency,
    get_json_object(payload, '$.interval') AS interval,
    coalesce(try_cast(get_json_object(payload, '$.interval_count') AS BIGINT), 1) AS interval_count,
    try_cast(get_json_object(payload, '$.quantity') AS DECIMAL(38, 12)) AS quantity,
    coalesce(get_json_object(payload, '$.status'), 'active') AS status,
    try_cast(get_json_object(payload, '$.canceled_at') AS TIMESTAMP) AS canceled_at,
    is_deleted,
    valid_from,
    valid_to,
    is_current,
    updated_at,
    get_json_object(payload, '$.extra') AS extra
FROM silver_crm_versions
WHERE object = 'subscriptions'
