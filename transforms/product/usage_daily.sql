/*
inputs:
  silver/product/activity: {days: [0, 0]}
*/
-- Everything that engagement counts, by day; internal users are out of every metric.
SELECT
    tenant_id,
    event_date AS date,
    account_id,
    user_id,
    anonymous_id,
    feature,
    count(*) AS events,
    sum(CASE WHEN is_qualifying THEN 1 ELSE 0 END) AS qualifying_events,
    event_month AS month
FROM silver_product_activity
WHERE NOT is_internal
GROUP BY tenant_id, event_date, account_id, user_id, anonymous_id, feature, event_month
