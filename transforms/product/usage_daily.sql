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
    count(CASE WHEN is_qualifying THEN 1 END) AS qualifying_events,
    trunc(event_date, 'MONTH') AS month
FROM silver_product_activity
WHERE NOT is_internal
GROUP BY tenant_id, event_date, account_id, user_id, anonymous_id, feature
