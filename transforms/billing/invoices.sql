/*
# Written by `python -m transforms.typed` from warehouse_models/objects/; a test fails when it differs.
inputs:
  silver/crm/versions: {days: all}
*/
SELECT
    tenant_id,
    record_id AS invoice_line_id,
    get_json_object(payload, '$.invoice_id') AS invoice_id,
    get_json_object(payload, '$.account_id') AS account_id,
    try_cast(get_json_object(payload, '$.issued_at') AS TIMESTAMP) AS issued_at,
    try_cast(get_json_object(payload, '$.period_start') AS DATE) AS period_start,
    try_cast(get_json_object(payload, '$.period_end') AS DATE) AS period_end,
    try_cast(get_json_object(payload, '$.amount') AS DECIMAL(38, 12)) AS amount,
    get_json_object(payload, '$.currency') AS currency,
    get_json_object(payload, '$.plan') AS plan,
    coalesce(
        try_cast(get_json_object(payload, '$.recurring') AS BOOLEAN),
        get_json_object(payload, '$.period_start') IS NOT NULL
    ) AS recurring,
    coalesce(get_json_object(payload, '$.status'), 'open') AS status,
    try_cast(get_json_object(payload, '$.paid_at') AS TIMESTAMP) AS paid_at,
    is_deleted,
    valid_from,
    valid_to,
    is_current,
    updated_at,
    get_json_object(payload, '$.extra') AS extra
FROM silver_crm_versions
WHERE object = 'invoices'
