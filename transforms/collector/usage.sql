/*
inputs:
  bronze/collector/usage: {days: [0, 0]}
*/
-- What each segment of the journal held, added up: a segment is counted where it landed, so once.
SELECT
    tenant_id,
    source_id,
    date,
    hour,
    sum(requests) AS requests,
    sum(events) AS events,
    sum(bytes) AS bytes,
    trunc(date, 'MONTH') AS month
FROM bronze_collector_usage
GROUP BY tenant_id, source_id, date, hour
