"""Millions of events for the bench, straight in bronze's schema: made by DuckDB, the same for the same seed.

Sessions of eight events, skewed users, 1 % duplicates that were received later, 2 % late by up to three days.
Alone: write_bulk(Lake(), "pool", 10_000_000, tenants=["acme"])
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.times import MICROS_PER_DAY
from warehouse_models.lake import Lake
from warehouse_models.specs import spec
from warehouse_models.trail import landing

EVENTS = "bronze/product/events"
_STEP = 1_000_000

_SQL = """
WITH numbered AS (
    SELECT
        i,
        -- One in a hundred is a copy of an event shortly before it.
        CASE WHEN i > 5000 AND hash(i, {seed}, 'copy') % 100 = 0
            THEN i - 1 - (hash(i, {seed}, 'back') % 5000)::BIGINT ELSE i END AS k
    FROM range({first}, {last}) AS t (i)
),
sessions AS (
    SELECT *, k // 8 AS s, hash(k // 8, {seed}, 'session') AS h FROM numbered
),
told AS (
    SELECT
        i, k,
        [{tenants}][1 + (s % {tenant_count})::BIGINT] AS tenant_id,
        'u' || lpad(((h % 1000) * ((h // 1000) % 1000) * {users} // 1000000)::VARCHAR, 7, '0') AS user_id,
        'a' || lpad((h % 1000 // 10)::VARCHAR, 4, '0') AS group_id,
        ['Opened', 'Edited', 'Shared', 'Exported', 'Commented', 'Searched', 'Invited', 'Printed']
            [1 + (hash(k, {seed}, 'event') % 8)::BIGINT] AS event,
        make_timestamp({start} + (s * 8 * {span} / {count})::BIGINT + (h // 7 % 3600000000)::BIGINT
            + (k % 8) * 41000000 + (hash(k, {seed}, 'pause') % 40000000)::BIGINT) AS happened_at,
        CASE WHEN hash(k, {seed}, 'late') % 50 = 0
            THEN (hash(k, {seed}, 'delay') % 259200000000)::BIGINT ELSE 900000 END
            + CASE WHEN i <> k THEN 60000000 ELSE 0 END AS delay,
        k % 4 = 0 AS is_page
    FROM sessions
),
written AS (
    SELECT
        *,
        'm' || lpad(k::VARCHAR, 12, '0') AS record_id,
        happened_at + to_microseconds(delay) AS received,
        '{{"groupId":"' || group_id || '"}}' AS context,
        '{{"n":' || (k % 1000) || '}}' AS properties
    FROM told
),
paid AS (
    SELECT
        *,
        '{{"context":' || context || CASE WHEN is_page THEN '' ELSE ',"event":"' || event || '"' END
            || ',"messageId":"' || record_id || '"'
            || CASE WHEN is_page THEN ',"name":"' || event || '"' ELSE '' END
            || ',"properties":' || properties
            || ',"receivedAt":"' || strftime(received, '%Y-%m-%dT%H:%M:%S.%fZ')
            || '","timestamp":"' || strftime(happened_at, '%Y-%m-%dT%H:%M:%S.%fZ')
            || '","type":"' || CASE WHEN is_page THEN 'page' ELSE 'track' END
            || '","userId":"' || user_id || '"}}' AS payload
    FROM written
),
keyed AS (
    SELECT *, ('0x' || left(sha256(record_id), 16))::UBIGINT::HUGEINT AS key FROM paid
)
SELECT
    tenant_id, 'bulk' AS source_id, 'events' AS object, record_id, NULL::TIMESTAMPTZ AS updated_at, 'append' AS op,
    received::TIMESTAMPTZ AS received_at, make_timestamp({landed})::TIMESTAMPTZ AS landed_at, '{batch}' AS batch_id,
    'bulk' AS file, i + 1 AS line, strlen(payload)::BIGINT AS bytes, sha256(payload) AS payload_sha, payload,
    (CASE WHEN key >= 9223372036854775808 THEN key - 18446744073709551616 ELSE key END)::BIGINT AS message_key,
    CASE WHEN is_page THEN 'page' ELSE 'track' END AS type, CASE WHEN is_page THEN NULL ELSE event END AS event,
    CASE WHEN is_page THEN event END AS name, user_id, NULL::VARCHAR AS anonymous_id, NULL::VARCHAR AS previous_id,
    group_id, happened_at::TIMESTAMPTZ AS timestamp, NULL::TIMESTAMPTZ AS original_timestamp,
    NULL::TIMESTAMPTZ AS sent_at, properties, NULL::VARCHAR AS traits, context,
    make_timestamp({landed})::DATE AS landed_date
FROM keyed
"""


def bulk_events(
    lake: Lake,
    count: int,
    *,
    tenants: Sequence[str] = ("bulk",),
    first_day: date = date(2025, 1, 1),
    days: int = 30,
    users: int = 20_000,
    seed: int = 7,
    batch: str = "bulk",
    first: int = 0,
    last: int | None = None,
) -> pa.Table:
    """Rows `first` to `last` (exclusive) of `count` generated events, in the schema of bronze/product/events.

    Two events share an id where one is a copy. The same arguments give the same rows with the same DuckDB.
    """
    start = (first_day - date(1970, 1, 1)).days * MICROS_PER_DAY
    query = _SQL.format(
        seed=seed,
        first=first,
        last=count if last is None else min(last, count),
        tenants=", ".join(f"'{tenant}'" for tenant in tenants),
        tenant_count=len(tenants),
        users=users,
        start=start,
        span=days * MICROS_PER_DAY,
        count=max(1, count),
        landed=start + (days + 4) * MICROS_PER_DAY,
        batch=batch,
    )
    with lake.duck() as connection:
        made = connection.execute(query).fetch_arrow_table()
    return made.cast(spec(EVENTS).arrow_schema)


def write_bulk(lake: Lake, shard: str, count: int, *, tenants: Sequence[str] = ("bulk",), **how: object) -> int:
    """Append `count` generated events to a shard's bronze, a million a commit; the table's last version."""
    version = -1
    for first in range(0, count, _STEP):
        rows = bulk_events(lake, count, tenants=tenants, first=first, last=first + _STEP, **how)  # type: ignore[arg-type]
        landed = rows.column("landed_date")[0].as_py()
        told = landing(str(how.get("batch", "bulk")), [landed], list(tenants))
        version = lake.append(EVENTS, shard, rows, trail=told)
    return version


def write_bulk_parquet(lake: Lake, path: Path | str, count: int, **how: object) -> None:
    """The same rows as one plain Parquet file, for the hand-written comparison."""
    with pq.ParquetWriter(path, spec(EVENTS).arrow_schema, compression="zstd", compression_level=1) as writer:
        for first in range(0, count, _STEP):
            writer.write_table(bulk_events(lake, count, first=first, last=first + _STEP, **how))  # type: ignore[arg-type]
