/*
# Written by `python -m transforms.typed` from warehouse_models/objects/; a test fails when it differs.
inputs:
  silver/crm/versions: {days: all}
*/
-- The id is from@to@day, all of one length.
SELECT
    tenant_id,
    substr(record_id, 1, 3) AS from_currency,
    substr(record_id, 5, 3) AS to_currency,
    try_cast(substr(record_id, 9, 10) AS DATE) AS date,
    try_cast(get_json_object(payload, '$.rate') AS DECIMAL(38, 12)) AS rate,
    is_deleted,
    valid_from,
    valid_to,
    is_current,
    updated_at,
    get_json_object(payload, '$.extra') AS extra
FROM silver_crm_versions
WHERE object = 'exchange_rates'
