"""One segment of a journal into bronze: read, judged by the contract, committed with its position, dropped.

    segment ─▶ messages ─▶ events ─▶ contract ─▶ quarantine (found by file, line, content: written once)
                  │                     └─▶ one Delta commit a shard: the rows, and the segment's number as position
                  ├─▶ deliveries of webhooks (deliveries.py), and counts (usage.py): the same, each with the position
                  ├─▶ nobody's: another file beside the journal (waiting.py)
                  └──────────────────────────────────────────▶ the lake is synced, the file deleted

Killed between any two steps and run again it ends the same: a shard whose position is at the segment has its rows
already, what is in quarantine is found there, and a file that is still here is only deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from connectors.collector.http.messages import Message, events, text
from connectors.collector.journal.frames import Damage, read_frames
from connectors.collector.journal.segments import ClosedSegment
from connectors.collector.journal.waiting import put_aside
from connectors.collector.landing.batch import SegmentBatch
from connectors.collector.landing.deliveries import HookCounts, HookLander
from connectors.collector.landing.usage import ADDRESS as USAGE
from connectors.collector.landing.usage import Usage
from connectors.collector.webhooks.items import CALL, as_sent
from connectors.contracts import reasons
from connectors.contracts.contract import contract_of
from connectors.contracts.events import EventContract
from connectors.contracts.reasons import Refused
from connectors.contracts.times import now_micros
from connectors.files.rows import max_row_bytes
from connectors.landing.batch import Batch
from connectors.landing.quarantine import RefusedRow, refuse
from connectors.landing.row_reader import How
from connectors.landing.store import bronze_table
from warehouse_models.catalog.tenants import Catalog, Tenant
from warehouse_models.files import sync_disk
from warehouse_models.lake.lake import Lake
from warehouse_models.spec import TableSpec
from warehouse_models.specs import spec

ADDRESS = "bronze/product/events"
OBJECT = "events"
# Refused rows that are held before they are written: of junk a segment may hold millions.
_MOST_REFUSED = 50_000


@dataclass
class JournalReport:
    """What landed: segments, requests, events added to bronze, events and deliveries refused (`reasons`: by code).

    `hooks`: deliveries of webhooks. `kept`: files that stay beside the journal, for a person to look at, by why.
    """

    segments: int = 0
    requests: int = 0
    accepted: int = 0
    quarantined: int = 0
    hooks: HookCounts = field(default_factory=HookCounts)
    reasons: dict[str, int] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def refuse(self, reason: str) -> None:
        """Count a refused event."""
        code = reason.partition(":")[0]
        self.quarantined += 1
        self.reasons[code] = self.reasons.get(code, 0) + 1


class SegmentLander:
    """One closed segment on its way into bronze."""

    def __init__(
        self,
        lake: Lake,
        catalog: Catalog,
        duck: DuckDBPyConnection,
        segment: ClosedSegment,
        report: JournalReport,
    ) -> None:
        self.lake, self.duck, self.report = lake, duck, report
        self.path = segment.path
        self.tenants = {tenant.tenant_id: tenant for tenant in catalog.tenants()}
        self.now = now_micros()
        self.batch = SegmentBatch.of(segment, self.now)
        self.limit = max_row_bytes()
        self.table = spec(ADDRESS)
        self.contracts: dict[str, EventContract] = {}
        self.seen: set[tuple[Any, ...]] = set()
        self.good: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        self.refused: dict[tuple[str, str], list[RefusedRow]] = {}
        self.waiting: list[bytes] = []
        self.usage = Usage()
        self.hooks = HookLander(lake, duck, self.batch, self.limit)

    def land(self) -> None:
        """Land it, count it into the report, and drop its file. TenureError: other writers keep winning the commit."""
        damage = self._read()
        self._refuse()
        by_shard: dict[str, list[tuple[str, str]]] = {}
        for tenant, source in sorted(self.good):
            by_shard.setdefault(self.tenants[tenant].shard, []).append((tenant, source))
        for shard, writers in sorted(by_shard.items()):
            self._commit(shard, writers)
        self.report.hooks.add(self.hooks.write())
        self._meter()
        if not self.lake.is_remote:
            # delta-rs syncs nothing: dropped before it, the events would go with the power that fails a moment later.
            sync_disk(Path(self.lake.root))
        if damage is None:
            self.path.unlink(missing_ok=True)
        else:
            # Landed as far as it can be read; the rest is for a person, and no lander takes the name again.
            kept = self.path.with_suffix(".kept")
            self.path.rename(kept)
            self.report.kept[str(kept)] = damage

    def _read(self) -> str | None:
        """Read the segment into rows and refused rows, and put aside what is nobody's; which bytes are damaged."""
        damage = why = None
        line = 0
        for payload in read_frames(self.path.read_bytes()):
            if isinstance(payload, Damage):
                damage = f"{payload.size:,} bytes from byte {payload.offset:,} on are damaged"
                continue
            before = line
            try:
                message = Message.of(payload)
                tenant = self.tenants.get(message.tenant)
                if tenant is None:
                    why = f"the catalog does not know tenant {message.tenant}"
                    self.waiting.append(payload)
                    continue
                line = self._take(message, tenant, line)
            except ValueError:
                why = "another version of Tenure wrote it"
                self.waiting.append(payload)
                continue
            self.report.requests += 1
            self.usage.count(as_sent(message), line - before)
        if why is not None:
            # Before any position says that this segment is done.
            self.report.kept[str(put_aside(self.path.parent, self.waiting))] = why
        return damage

    def _refuse(self) -> None:
        for (tenant, source), rows in self.refused.items():
            refuse(self.lake, self.duck, self._of_source(tenant, source), rows, How("jsonl").to_json())
        self.refused.clear()

    def _take(self, message: Message, tenant: Tenant, line: int) -> int:
        if message.call.startswith(CALL):
            line, refused_for = self.hooks.take(message, tenant, line)
            for reason in refused_for:
                self.report.refuse(reason)
            return line
        key = message.tenant, message.source
        contract = self._contract(tenant)
        good = self.good.setdefault(key, [])
        for sent in events(message):
            line += 1
            try:
                if sent.value is None:
                    raise Refused(sent.refusal or reasons.NOT_JSON)
                if sent.size >= self.limit:
                    raise Refused(reasons.TOO_LONG.format(size=sent.size, limit=self.limit))
                row = contract.read(sent.value, b"", line, sent.size)
            except Refused as refusal:
                raw = sent.raw if sent.value is None else text(sent.value)
                refused = RefusedRow.of(refusal.reason, self.batch.file, line, raw, len(raw), refusal.record_id)
                self.refused.setdefault(key, []).append(refused)
                self.report.refuse(refusal.reason)
                if len(self.refused[key]) >= _MOST_REFUSED:
                    self._refuse()
                continue
            # Sent twice in one request: the same copy, received at the same moment.
            if (same := (message.tenant, *row[:2])) not in self.seen:
                self.seen.add(same)
                good.append(row)
        return line

    def _contract(self, tenant: Tenant) -> EventContract:
        contract = self.contracts.get(tenant.tenant_id)
        if contract is None:
            made = contract_of(OBJECT, tenant, self.now, self.now)
            assert isinstance(made, EventContract)
            contract = self.contracts[tenant.tenant_id] = made
        return contract

    def _of_source(self, tenant: str, source: str) -> Batch:
        return self.batch.of_source(self.tenants[tenant], source, OBJECT)

    def _commit(self, shard: str, writers: list[tuple[str, str]]) -> None:
        """The events of one shard."""
        parts, tenants = [], set()
        for tenant, source in writers:
            if rows := self.good[tenant, source]:
                typed = self._contract(self.tenants[tenant]).typed
                parts.append(bronze_table(self.table, self._of_source(tenant, source), typed, rows))
                tenants.add(tenant)
        if not parts:
            return
        added = pa.concat_tables(parts)
        if self._append_once(self.table, shard, added, self.batch.trail(sorted(tenants))):
            self.report.accepted += added.num_rows

    def _meter(self) -> None:
        by_shard: dict[str, set[str]] = {}
        for tenant in self.usage.tenants():
            by_shard.setdefault(self.tenants[tenant].shard, set()).add(tenant)
        for shard, tenants in sorted(by_shard.items()):
            rows, trail = self.usage.rows(tenants, self.batch)
            self._append_once(spec(USAGE), shard, rows, trail)

    def _append_once(self, table: TableSpec, shard: str, added: pa.Table, trail: dict[str, Any]) -> bool:
        """Append rows and the position in one commit; False where the position says that they are there."""
        appended = self.lake.shard(shard).append_once(
            table,
            # Two landers at once meet, and the second looks again.
            lambda target: None if self.batch.is_in(target) else added,
            markers={self.batch.app: self.batch.number},
            trail=trail,
            lost=self.batch.lost(),
        )
        return appended is not None
