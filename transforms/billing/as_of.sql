/*
inputs:
  bronze/billing/subscriptions: {days: all}
  bronze/billing/invoices: {days: all}
  bronze/landings: {days: all}
*/
-- Told by --as-of, else the latest day that the records speak of: a start, an issue, a payment, a cancellation. What lies
-- after the landing, ends and the periods of lines do not count (METRICS §2). A day that was told wins over the same day
-- that was only spoken of.
WITH received AS (
    SELECT
        tenant_id,
        object,
        batch_id,
        CAST(landed_at AS DATE) AS landed_date,
        CASE WHEN op <> 'delete' THEN try_cast(get_json_object(payload, '$.start_date') AS DATE) END AS first_date,
        CASE WHEN op <> 'delete' THEN try_cast(get_json_object(payload, '$.canceled_at') AS DATE) END AS second_date
    FROM bronze_billing_subscriptions
    UNION ALL
    SELECT
        tenant_id,
        object,
        batch_id,
        CAST(landed_at AS DATE),
        CASE WHEN op <> 'delete' THEN try_cast(get_json_object(payload, '$.issued_at') AS DATE) END,
        CASE WHEN op <> 'delete' THEN try_cast(get_json_object(payload, '$.paid_at') AS DATE) END
    FROM bronze_billing_invoices
),

told AS (
    SELECT tenant_id, object, batch_id, CAST(as_of AS DATE) AS as_of
    FROM bronze_landings
    WHERE as_of IS NOT NULL AND object IN ('subscriptions', 'invoices')
),

spoken AS (
    -- A file that was true at a day says nothing of later ones, whatever dates stand in it.
    SELECT r.tenant_id, r.object, r.landed_date, r.first_date, r.second_date
    FROM received AS r
    LEFT ANTI JOIN told AS t ON r.tenant_id = t.tenant_id AND r.object = t.object AND r.batch_id = t.batch_id
),

days AS (
    SELECT tenant_id, object, as_of, TRUE AS is_told FROM told
    UNION ALL
    SELECT tenant_id, object, first_date, FALSE FROM spoken WHERE first_date <= landed_date
    UNION ALL
    SELECT tenant_id, object, second_date, FALSE FROM spoken WHERE second_date <= landed_date
)

SELECT
    tenant_id,
    object,
    max(as_of) AS as_of,
    max_by(is_told, struct(as_of, is_told)) AS is_told
FROM days
GROUP BY tenant_id, object
