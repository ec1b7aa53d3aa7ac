"""N synthetic events straight in bronze: the input of every benchmark, the same for the same arguments.

Shape: `tenants` tenants, users = N / 100, sessions of about 8 events, a tenth of the visits anonymous (half of those
claimed later), 1 % duplicated messages, 2 % received up to three days late, spread over `days` days. As in landed
files, one commit holds one tenant's rows, a day after the other and in no order within the day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Any

from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake import trail
from warehouse_models.lake.lake import Lake
from warehouse_models.specs import spec

_SQL = """
WITH visits AS (
    SELECT
        i,
        i // 8 AS visit,
        hash(i // 8) AS h,
        hash(i, 7) AS g
    FROM range({first}, {last}) AS numbers(i)
),
who AS (
    SELECT
        *,
        (h // 1000) % {users} AS person,
        h % 10 = 3 AS is_anonymous,
        TIMESTAMP '{start}' + to_days(CAST(((i - {first}) * {days}) // ({last} - {first}) AS INTEGER))
            + to_seconds(CAST((h // 77) % (86400 - 4000) + (i % 8) * 240 + g % 200 AS BIGINT)) AS moment
    FROM visits
),
sent AS (
    SELECT
        *,
        CASE WHEN g % 100 = 5 THEN i - 1 ELSE i END AS number,
        to_seconds(CAST(CASE WHEN g % 50 = 9 THEN g % 259200 ELSE 2 + g % 5 END AS BIGINT)) AS delay
    FROM who
)
SELECT
    '{tenant}' AS tenant_id, 'bench' AS source_id, 'events' AS object, 'm-' || number AS record_id,
    CAST(NULL AS TIMESTAMPTZ) AS updated_at, 'append' AS op, timezone('UTC', moment + delay) AS received_at,
    timezone('UTC', TIMESTAMP '{now}') AS landed_at, '{batch}' AS batch_id, 'bench.jsonl' AS file, i AS line,
    180 AS bytes, md5(i::VARCHAR) AS payload_sha,
    '{{"event":"feature_' || (g % 12) || '","messageId":"m-' || number || '","type":"track","userId":"u' || person
        || '","n":' || i || '}}' AS payload,
    CAST(hash('m-' || number) >> 1 AS BIGINT) AS message_key,
    CASE WHEN g % 20 = 1 THEN 'page' ELSE 'track' END AS type,
    CASE WHEN g % 20 = 1 THEN NULL ELSE 'feature_' || (g % 12) END AS event,
    CASE WHEN g % 20 = 1 THEN 'home' END AS name,
    CASE WHEN is_anonymous AND g % 8 <> 7 THEN NULL ELSE 'u' || person END AS user_id,
    CASE WHEN is_anonymous THEN 'a' || (visit % 200000) END AS anonymous_id,
    NULL AS previous_id, CASE WHEN g % 10 < 8 THEN 'acc' || (person % 997) END AS group_id,
    timezone('UTC', moment) AS timestamp, timezone('UTC', moment) AS original_timestamp,
    timezone('UTC', moment + to_seconds(1)) AS sent_at,
    '{{"plan":"pro","n":' || (g % 1000) || '}}' AS properties, NULL AS traits, '{{"ip":"10.0.0.1"}}' AS context,
    DATE '{landed}' AS landed_date
FROM sent
"""


def write_events(
    lake: Lake,
    shard: str,
    count: int,
    *,
    tenants: int = 20,
    days: int = 90,
    start: str = "2024-01-01",
    first: int = 0,
    landed: date | None = None,
) -> None:
    """Append `count` events (numbers from `first`) to bronze/product/events of `shard`, a commit for each tenant.

    `landed`: the day they say they landed on; default today.
    """
    catalog = Catalog(lake)
    target: Any = spec("bronze/product/events")
    now = datetime.combine(landed, time(23), UTC) if landed else datetime.now(UTC)
    connection = lake.duck()
    bounds = [first + count * number // tenants for number in range(tenants + 1)]
    for number, (begin, end) in enumerate(pairwise(bounds)):
        tenant, batch = f"bench_{number}", f"bench-{begin}"
        catalog.add_tenant(tenant, shard)
        sql = _SQL.format(
            first=begin,
            last=end,
            tenant=tenant,
            users=max(count // tenants // 100, 50),
            days=days,
            start=start,
            now=now.strftime("%Y-%m-%d %H:%M:%S"),
            landed=now.date(),
            batch=batch,
        )
        rows = connection.execute(sql).to_arrow_table().cast(target.arrow_schema)
        lake.shard(shard).append(target, rows, trail=trail.landing_trail(batch, [now.date()], [tenant]))
