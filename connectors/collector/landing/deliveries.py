"""Deliveries of webhooks out of a segment into bronze: each id once, whatever was landed before.

    record ─▶ items ─▶ one Delta commit a shard and table: rows whose id the table lacks, the segment's position
                └─▶ quarantine: rightly signed, and not readable

A vendor repeats a delivery to another collector, or days later: so the table itself is asked. A marker that all
commits of the table share makes two landers meet; the second asks again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from duckdb import DuckDBPyConnection

from connectors.collector.http.messages import Message
from connectors.collector.landing.batch import SegmentBatch
from connectors.collector.webhooks.items import CALL, Bad, Item, from_journal, items
from connectors.contracts import reasons
from connectors.contracts.canonical import key64, sha_hex
from connectors.landing.batch import Batch
from connectors.landing.quarantine import RefusedRow, refuse
from warehouse_models.catalog.tenants import Tenant
from warehouse_models.lake.lake import Lake
from warehouse_models.specs import spec

DELIVERIES = "bronze/webhooks/deliveries"
FETCHES = "bronze/webhooks/fetches"
# Stands for the object of a refused delivery: no file of it could be landed.
OBJECT = "webhooks"
_WRITERS = "collector:webhooks"
_Row = dict[str, Any]


@dataclass
class HookCounts:
    """Deliveries added to bronze, those it had already, records that connectors have to fetch."""

    added: int = 0
    repeated: int = 0
    fetches: int = 0

    def add(self, more: HookCounts) -> None:
        """Count more of them."""
        self.added += more.added
        self.repeated += more.repeated
        self.fetches += more.fetches


@dataclass
class HookLander:
    """Gathers the deliveries of one segment, then writes them."""

    lake: Lake
    duck: DuckDBPyConnection
    batch: SegmentBatch
    # A delivery of so many bytes is refused.
    limit: int
    deliveries: dict[str, list[_Row]] = field(default_factory=dict)
    fetches: dict[str, list[_Row]] = field(default_factory=dict)
    refused: dict[Batch, list[RefusedRow]] = field(default_factory=dict)

    def take(self, message: Message, tenant: Tenant, line: int) -> tuple[int, list[str]]:
        """Read a record; the last line that it used, and why items of it were refused. ValueError: it is not ours."""
        system = message.call.removeprefix(CALL)
        sent_id, raw = from_journal(message.body)
        refused_for = []
        for item in items(system, sent_id, raw, message.received_at):
            line += 1
            if isinstance(item, Item) and len(item.payload) >= self.limit:
                reason = reasons.TOO_LONG.format(size=len(item.payload), limit=self.limit)
                item = Bad(item.payload, reason)
            if isinstance(item, Bad):
                refused_for.append(item.reason)
                row = RefusedRow.of(item.reason, self.batch.file, line, item.raw, len(item.raw))
                self.refused.setdefault(self.batch.of_source(tenant, message.source, OBJECT), []).append(row)
                continue
            self._add(item, message, tenant, system, line)
        return line, refused_for

    def _add(self, item: Item, message: Message, tenant: Tenant, system: str, line: int) -> None:
        same = {
            "tenant_id": message.tenant,
            "source_id": message.source,
            "op": item.op,
            "updated_at": item.at,
            "received_at": message.received_at,
            "landed_at": self.batch.landed_at,
            "landed_date": self.batch.landed_date,
            "batch_id": self.batch.batch_id,
            "delivery_key": key64(item.id),
        }
        subject = item.records[0] if item.records else (None, None)
        delivery = same | {
            "object": system,
            "record_id": item.id,
            "file": self.batch.file,
            "line": line,
            "bytes": len(item.payload),
            "payload_sha": sha_hex(item.payload),
            "payload": item.payload.decode(),
            "vendor_id": item.vendor_id,
            "topic": item.topic,
            "subject": subject[0],
            "subject_id": subject[1],
        }
        self.deliveries.setdefault(tenant.shard, []).append(delivery)
        if item.is_thin:
            for name, record_id in item.records:
                named = {"system": system, "object": name, "record_id": record_id, "delivery_id": item.id}
                self.fetches.setdefault(tenant.shard, []).append(same | named)

    def write(self) -> HookCounts:
        """Write what was taken; what is there already is left out. TenureError: other writers keep winning."""
        for batch, refused in self.refused.items():
            refuse(self.lake, self.duck, batch, refused)
        counts = HookCounts()
        for shard, rows in sorted(self.deliveries.items()):
            # None: by this very segment, and counted then.
            if (added := self._commit(DELIVERIES, shard, rows, ("source_id", "record_id"))) is not None:
                counts.added += added
                counts.repeated += len(rows) - added
        for shard, rows in sorted(self.fetches.items()):
            key = ("source_id", "delivery_id", "object", "record_id")
            counts.fetches += self._commit(FETCHES, shard, rows, key) or 0
        return counts

    def _commit(self, address: str, shard: str, rows: list[_Row], key: tuple[str, ...]) -> int | None:
        """Append the rows whose key the table lacks, with the position; how many, None where the position has it."""
        tables = self.lake.shard(shard)

        def make_rows(target: DeltaTable) -> pa.Table | None:
            if self.batch.is_in(target):
                return None
            landed = self._landed(tables.scan(address, target.version()), rows, key)
            fresh = {name: row for row in reversed(rows) if (name := _named(row, key)) not in landed}
            return spec(address).arrow(list(reversed(fresh.values())))

        added = tables.append_once(
            address,
            make_rows,
            markers={self.batch.app: self.batch.number, _WRITERS: None},
            trail=self._trail,
            lost=self.batch.lost(),
        )
        return None if added is None else int(added.num_rows)

    def _trail(self, rows: pa.Table) -> dict[str, Any]:
        return self.batch.trail(sorted(set(rows.column("tenant_id").to_pylist())))

    def _landed(self, scan: str, rows: list[_Row], key: tuple[str, ...]) -> set[tuple[str, ...]]:
        """Which keys of the rows the table has. Two steps: the 64-bit keys, then only the hits."""
        self.duck.register("chunk", pa.table({"k": pa.array([row["delivery_key"] for row in rows], pa.int64())}))
        hits = self.duck.execute(
            f"SELECT DISTINCT delivery_key FROM {scan} WHERE delivery_key IN (SELECT k FROM chunk)"
        ).fetch_arrow_table()
        if not hits.num_rows:
            return set()
        self.duck.register("hits", hits)
        names = ", ".join(("tenant_id", *key))
        keys = self.duck.execute(
            f"SELECT {names} FROM {scan} WHERE delivery_key IN (SELECT delivery_key FROM hits)"
        ).fetchall()
        return set(keys)


def _named(row: _Row, key: tuple[str, ...]) -> tuple[str, ...]:
    return (row["tenant_id"], *(row[name] for name in key))
