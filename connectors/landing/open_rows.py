"""What is in quarantine now: refused rows, less those that a replay settled, each with its newest reason."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.contracts.times import NotATime, parse_micros
from connectors.landing.batch import Batch
from connectors.landing.quarantine import ADDRESS
from connectors.landing.row_reader import How
from warehouse_models.catalog.tenants import Tenant
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

REPLAYS = "bronze/replays"
_FETCH = 1_000


@dataclass(frozen=True)
class Filter:
    """Which refused rows: None is any. `reason` is a code; `since` an ISO 8601 time; `settled` shows those too."""

    object: str | None = None
    file: str | None = None
    reason: str | None = None
    since: str | None = None
    settled: bool = False

    def since_micros(self) -> int | None:
        """`since` in UTC microseconds; TenureError where it is no time."""
        try:
            return None if self.since is None else parse_micros(self.since)
        except NotATime:
            why = "it is not an ISO 8601 date or time"
            raise TenureError(f"--since {self.since}", why, "e.g. 2026-01-31") from None


@dataclass(frozen=True)
class QuarantinedRow:
    """A row of the quarantine. `payload` holds the first 64 KiB of its `size` bytes, as text or base64 (`encoding`).

    `state`: open, or what a replay made of it (accepted, duplicate, conflict).
    """

    tenant: str
    object: str
    file: str
    line: int
    reason: str
    record_id: str | None
    payload: str
    encoding: str
    size: int
    landed_at: datetime
    batch_id: str
    state: str
    source: str | None = field(repr=False)
    sha: str = field(repr=False)
    how: How | None = field(repr=False)

    @property
    def raw(self) -> bytes:
        """The bytes that are kept."""
        return base64.b64decode(self.payload) if self.encoding == "base64" else self.payload.encode()

    @property
    def code(self) -> str:
        """The stable code of the reason."""
        return self.reason.partition(":")[0]

    @property
    def is_whole(self) -> bool:
        """Whether all of the row is kept: not where it was longer than 64 KiB, or never was text."""
        return len(self.raw) == self.size

    def as_dict(self) -> dict[str, Any]:
        """The row as plain values, for a program."""
        names = (
            "tenant",
            "object",
            "file",
            "line",
            "reason",
            "record_id",
            "payload",
            "encoding",
            "landed_at",
            "batch_id",
        )
        values = {name: getattr(self, name) for name in names}
        how = self.how or How("")
        return {**values, "bytes": self.size, "is_whole": self.is_whole, "map": how.map, "state": self.state}


def list_rows(
    lake: Lake, tenants: Iterable[Tenant], only: Filter | None = None, limit: int | None = None, offset: int = 0
) -> list[QuarantinedRow]:
    """Refused rows by tenant, object, file and line: at most `limit` of them, behind the first `offset`."""
    with lake.duck() as duck:
        selection = scan(lake, duck, tenants, only or Filter())
        if selection is None:
            return []
        paging = f" LIMIT {int(limit)} OFFSET {int(offset)}" if limit is not None else f" OFFSET {int(offset)}"
        rows = duck.execute(f"SELECT * FROM ({selection[0]}) ORDER BY 1, 2, 3, 4, 5{paging}", selection[1]).fetchall()
    return [_row(row) for row in rows]


def count_reasons(lake: Lake, tenants: Iterable[Tenant], only: Filter | None = None) -> list[dict[str, Any]]:
    """How many rows each reason has: tenant, object, reason (its code), rows, files, first and last time of refusal."""
    with lake.duck() as duck:
        selection = scan(lake, duck, tenants, only or Filter())
        if selection is None:
            return []
        counts = duck.execute(
            "SELECT tenant_id AS tenant, object, split_part(reason, ':', 1) AS reason, count(*) AS rows,"
            " count(DISTINCT file) AS files, min(landed_at) AS first, max(landed_at) AS last"
            f" FROM ({selection[0]}) GROUP BY ALL ORDER BY tenant, object, rows DESC, reason",
            selection[1],
        )
        names = [column[0] for column in counts.description]
        return [dict(zip(names, row, strict=True)) for row in counts.fetchall()]


def open_rows(lake: Lake, duck: Any, tenant: Tenant, only: Filter, columns: str = "*") -> Iterator[QuarantinedRow]:
    """The rows of a tenant that are in quarantine as this begins, by landing, file and line, in bounded memory.

    `columns`: of the scan, e.g. `* REPLACE ('' AS payload)` where the payload is not needed.
    """
    cursor = duck.cursor()
    selection = scan(lake, cursor, [tenant], only)
    if selection is None:
        return
    cursor.execute(f"SELECT {columns} FROM ({selection[0]}) ORDER BY batch_id, file, line, reason", selection[1])
    while rows := cursor.fetchmany(_FETCH):
        yield from map(_row, rows)


def settled(lake: Lake, duck: Any, batch: Batch) -> int:
    """How many rows that a landing refused a replay has brought into bronze since."""
    tables = lake.shard(batch.shard)
    version = tables.version(REPLAYS)
    if version is None:
        return 0
    (rows,) = duck.execute(
        f"SELECT count(DISTINCT (file, line, payload_sha)) FROM {tables.scan(REPLAYS, version)}"
        " WHERE tenant_id = ? AND object = ? AND batch_id = ? AND outcome IN ('accepted', 'duplicate')",
        [batch.tenant, batch.object, batch.batch_id],
    ).fetchone()
    return int(rows)


def scan(lake: Lake, duck: Any, tenants: Iterable[Tenant], only: Filter) -> tuple[str, list[Any]] | None:
    """The SELECT of refused rows as QuarantinedRow has them, and its parameters; None where no shard refused any."""
    by_shard: dict[str, list[str]] = {}
    for tenant in tenants:
        by_shard.setdefault(tenant.shard, []).append(tenant.tenant_id)
    parts: list[str] = []
    values: list[Any] = []
    for shard, slugs in sorted(by_shard.items()):
        tables = lake.shard(shard)
        version = tables.version(ADDRESS)
        if version is None:
            continue
        refused = tables.scan(ADDRESS, version)
        names = {row[0] for row in duck.execute(f"DESCRIBE SELECT * FROM {refused}").fetchall()}
        # A table that was made before this column was added gets it with the next row that is refused.
        how = "q.how" if "how" in names else "NULL::VARCHAR"
        replayed = tables.version(REPLAYS)
        outcomes = (
            "(SELECT NULL::VARCHAR AS tenant_id, NULL::VARCHAR AS object, NULL::VARCHAR AS file, NULL::BIGINT AS line,"
            " NULL::VARCHAR AS payload_sha, NULL::VARCHAR AS settled, NULL::VARCHAR AS reason WHERE false)"
        )
        if replayed is not None:
            outcomes = (
                "(SELECT tenant_id, object, file, line, payload_sha,"
                " max_by(outcome, replayed_at) FILTER (outcome <> 'refused') AS settled,"
                " max_by(reason, replayed_at) FILTER (outcome = 'refused') AS reason"
                f" FROM {tables.scan(REPLAYS, replayed)} GROUP BY ALL)"
            )
        parts.append(
            "SELECT q.tenant_id, q.object, q.file, q.line, coalesce(r.reason, q.reason) AS reason, q.record_id,"
            " q.payload, q.encoding, q.bytes, q.landed_at, q.batch_id, coalesce(r.settled, 'open') AS state,"
            f" q.source_id, q.payload_sha, {how} AS how"
            f" FROM {refused} AS q LEFT JOIN {outcomes} AS r"
            " USING (tenant_id, object, file, line, payload_sha) WHERE list_contains(?, q.tenant_id)"
        )
        values.append(slugs)
    if not parts:
        return None
    conditions = {
        "object = ?": only.object,
        "file = ?": only.file,
        "split_part(reason, ':', 1) = ?": only.reason,
        "epoch_us(landed_at) >= ?": only.since_micros(),
    }
    wanted = [condition for condition, value in conditions.items() if value is not None]
    values += [value for value in conditions.values() if value is not None]
    if not only.settled:
        wanted.append("state = 'open'")
    return f"SELECT * FROM ({' UNION ALL '.join(parts)}) WHERE {' AND '.join(wanted) or 'true'}", values


def _row(row: tuple[Any, ...]) -> QuarantinedRow:
    return QuarantinedRow(*(*row[:-1], How.of(row[-1])))
