"""Bronze as landing sees it: which rows are there already, and one commit that appends the others with its marker.

Two markers ride on every commit: the file's (lines done, so that a killed landing goes on where it stopped) and the
tenant's and object's (so that two landings at once meet: the second looks up again, and no copy slips in between).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from duckdb import DuckDBPyConnection

from connectors.contracts.events import EventContract
from connectors.contracts.records import RecordContract
from connectors.landing.batch import Batch
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import landing_trail
from warehouse_models.spec import TableSpec


@dataclass(frozen=True)
class LandedVersion:
    """A version of a record that bronze holds."""

    sha: str
    file: str | None
    line: int | None
    size: int
    payload: str
    batch_id: str


class Store:
    """One bronze table during one landing."""

    def __init__(
        self, lake: Lake, batch: Batch, contract: EventContract | RecordContract, app: str, duck: DuckDBPyConnection
    ) -> None:
        self.lake, self.batch, self.contract, self.app, self.duck = lake, batch, contract, app, duck
        self.spec, self.tables = contract.table, lake.shard(batch.shard)
        # The version that is looked at: the newest at the start, and after each commit.
        self.target: DeltaTable = self.tables.create(self.spec)
        self._writers = f"land:{batch.tenant}:{batch.object}"

    def lines_done(self) -> tuple[int, int | None]:
        """Lines of this file that are committed, and when that landing began (UTC microseconds; None: never).

        A marker outlives the rows when a tenant is erased, so it counts only while the rows are there.
        """
        marker = self.target.transaction_version(self.app)
        if marker is None:
            return 0, None
        row = self.duck.execute(
            f"SELECT epoch_us(min(landed_at)) FROM {self._scan()} WHERE tenant_id = ? AND batch_id = ?",
            [self.batch.tenant, self.batch.batch_id],
        ).fetchone()
        return (int(marker), int(row[0])) if row and row[0] is not None else (0, None)

    def payloads(self, lines: list[int]) -> list[tuple[int, str]]:
        """(line, payload) of what this landing put into bronze, of some lines of the file."""
        return self.duck.execute(
            f"SELECT line, payload FROM {self._scan()} WHERE tenant_id = ? AND batch_id = ? AND list_contains(?, line)",
            [self.batch.tenant, self.batch.batch_id, lines],
        ).fetchall()

    def landed_events(self, rows: list[tuple[Any, ...]]) -> set[tuple[str, str]]:
        """Which (record_id, payload_sha) of event rows bronze holds. Two steps: the 64-bit keys, then only the hits."""
        keys = pa.table({"message_key": pa.array([row[2] for row in rows], pa.int64())})
        self.duck.register("chunk", keys)
        hits = self.duck.execute(
            f"SELECT DISTINCT message_key FROM {self._scan()}"
            " WHERE tenant_id = ? AND message_key IN (SELECT message_key FROM chunk)",
            [self.batch.tenant],
        ).fetch_arrow_table()
        if not hits.num_rows:
            return set()
        self.duck.register("hits", hits)
        copies = self.duck.execute(
            f"SELECT record_id, payload_sha FROM {self._scan()}"
            " WHERE tenant_id = ? AND message_key IN (SELECT message_key FROM hits)",
            [self.batch.tenant],
        ).fetchall()
        return set(copies)

    def landed_versions(
        self, rows: list[tuple[Any, ...]], *, own_only: bool = False
    ) -> dict[tuple[str, int], list[LandedVersion]]:
        """What bronze holds at each (record_id, updated_at) of record rows; updated_at in UTC microseconds.

        `own_only`: of this landing alone.
        """
        keys = pa.table({"record_id": [row[0] for row in rows], "at": pa.array([row[2] for row in rows], pa.int64())})
        self.duck.register("chunk", keys)
        versions = self.duck.execute(
            "SELECT DISTINCT b.record_id, epoch_us(b.updated_at), b.payload_sha, b.file, b.line, b.bytes, b.payload,"
            f" b.batch_id FROM {self._scan()} AS b"
            " JOIN (SELECT DISTINCT * FROM chunk) AS c ON b.record_id = c.record_id AND epoch_us(b.updated_at) = c.at"
            " WHERE b.tenant_id = ? AND (b.batch_id = ? OR NOT ?)",
            [self.batch.tenant, self.batch.batch_id, own_only],
        ).fetchall()
        landed: dict[tuple[str, int], list[LandedVersion]] = {}
        for key, at, *rest in versions:
            landed.setdefault((key, at), []).append(LandedVersion(*rest))
        return landed

    def _scan(self) -> str:
        return self.tables.scan(self.spec, self.target.version())

    def places(self, rows: list[tuple[Any, ...]]) -> dict[tuple[str, str], set[tuple[int, str]]]:
        """(record_id, payload_sha) → (line, batch_id) of the copies in bronze, of rows by either contract."""
        keys = pa.table({"record_id": [row[0] for row in rows], "payload_sha": [row[1] for row in rows]})
        self.duck.register("chunk", keys)
        places: dict[tuple[str, str], set[tuple[int, str]]] = {}
        for key, sha, line, batch in self.duck.execute(
            f"SELECT record_id, payload_sha, line, batch_id FROM {self._scan()} WHERE tenant_id = ?"
            " AND (record_id, payload_sha) IN (SELECT (record_id, payload_sha) FROM chunk)",
            [self.batch.tenant],
        ).fetchall():
            places.setdefault((key, sha), set()).add((line, batch))
        return places

    def append_once(
        self, lacking: Callable[[], list[tuple[Any, ...]]], lines_done: int | None
    ) -> list[tuple[Any, ...]]:
        """Commit the rows that `lacking` finds bronze to lack, with both markers; those rows.

        It looks again where another landing of this tenant and object came in between. `lines_done` None: a replay,
        which says nothing of how far the file was read. TenureError: other landings keep winning the commit.
        """
        rows: list[tuple[Any, ...]] = []

        def make_rows(target: DeltaTable) -> pa.Table | None:
            nonlocal rows
            self.target = target
            rows = lacking()
            return bronze_table(self.spec, self.batch, self.contract.typed, rows) if rows else None

        why = "other landings of this tenant keep winning the commit"
        self.tables.append_once(
            self.spec,
            make_rows,
            markers={self._writers: None} | ({} if lines_done is None else {self.app: lines_done}),
            trail=landing_trail(self.batch.batch_id, [self.batch.landed_date], [self.batch.tenant]),
            lost=TenureError(f"landing {self.batch.file}", why, "land the file again"),
            at=self.target,
        )
        return rows


def bronze_table(spec: TableSpec, batch: Batch, typed: Sequence[str], rows: list[tuple[Any, ...]]) -> pa.Table:
    """Rows of a bronze table: tuples of the columns `typed`; the envelope's others follow from the landing."""
    shared = {
        "tenant_id": batch.tenant,
        "source_id": batch.source,
        "object": batch.object,
        "batch_id": batch.batch_id,
        "file": batch.file,
        "op": "append",
        "landed_date": batch.landed_date,
        "landed_at": batch.landed_at,
    }
    names = set(spec.arrow_schema.names)
    return spec.arrow(rows, typed, {name: value for name, value in shared.items() if name in names})
