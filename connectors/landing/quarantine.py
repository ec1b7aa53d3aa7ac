"""The quarantine: refused rows with file, line and reason, each written once however often its file is landed."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable, Schema
from duckdb import DuckDBPyConnection

from connectors.contracts.canonical import sha_hex
from connectors.files.rows import HEAD
from connectors.landing.batch import Batch
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import landing_trail
from warehouse_models.specs import spec

ADDRESS = "bronze/quarantine"


@dataclass(frozen=True)
class RefusedRow:
    """One refused row: its reason (a stable code, then words), where it stood, and its raw bytes."""

    reason: str
    file: str
    line: int
    size: int
    sha: str
    payload: str
    encoding: str
    record_id: str | None = None

    @classmethod
    def of(cls, reason: str, file: str, line: int, raw: bytes, size: int, record_id: str | None = None) -> RefusedRow:
        """A refused row from its raw bytes; kept as text where it is text, else as base64, at most 64 KiB of it."""
        kept = raw[:HEAD]
        try:
            text, encoding = _whole_characters(kept, cut=len(raw) > HEAD), "utf-8"
        except UnicodeDecodeError:
            text, encoding = base64.b64encode(kept).decode(), "base64"
        if "\0" in text:
            text, encoding = base64.b64encode(kept).decode(), "base64"
        if record_id is not None and "\0" in record_id:
            record_id = None
        return cls(reason, file, line, size, sha_hex(kept), text, encoding, record_id)


def _whole_characters(kept: bytes, cut: bool) -> str:
    # A cut may fall into a character of up to four bytes.
    for dropped in range(4 if cut else 1):
        try:
            return kept[: len(kept) - dropped].decode()
        except UnicodeDecodeError as error:
            if error.end < len(kept) - 3 or dropped == 3 or not cut:
                raise
    raise AssertionError("unreachable")


def refuse(
    lake: Lake, duck: DuckDBPyConnection, batch: Batch, rows: Iterable[RefusedRow], how: str | None = None
) -> int:
    """Append the refused rows that the quarantine does not hold yet; how many were added. `duck` looks them up.

    `how` is the JSON that a replay reads the rows again by. Raises TenureError where other writers keep winning.
    """
    wanted = {(row.file, row.line, row.sha): row for row in rows}
    if not wanted:
        return 0
    tables = lake.shard(batch.shard)

    def make_rows(target: DeltaTable) -> pa.Table:
        _add_columns(target)
        quarantined = _quarantined(
            tables.scan(ADDRESS, target.version()), duck, batch, sorted({file for file, _, _ in wanted})
        )
        return _table(batch, [row for key, row in wanted.items() if key not in quarantined], how)

    added = tables.append_once(
        ADDRESS,
        make_rows,
        # The marker makes two writers of one tenant and object meet: the second looks again.
        markers={f"quarantine:{batch.tenant}:{batch.object}": None},
        trail=landing_trail(batch.batch_id, [batch.landed_date], [batch.tenant]),
        lost=TenureError("quarantine", "other landings keep changing it", "land the file again"),
    )
    return 0 if added is None else int(added.num_rows)


def _add_columns(target: DeltaTable) -> None:
    """Give a table that was made before a column was added to its spec that column, empty."""
    there = {field.name for field in target.schema().fields}
    lacking = [field for field in Schema.from_arrow(spec(ADDRESS).arrow_schema).fields if field.name not in there]
    if lacking:
        target.alter.add_columns(lacking)


def _quarantined(scan: str, duck: DuckDBPyConnection, batch: Batch, files: list[str]) -> set[tuple[str, int, str]]:
    rows = duck.execute(
        f"SELECT file, line, payload_sha FROM {scan} WHERE tenant_id = ? AND object = ? AND list_contains(?, file)",
        [batch.tenant, batch.object, files],
    ).fetchall()
    return set(rows)


def refused_up_to(lake: Lake, duck: DuckDBPyConnection, batch: Batch, line: int) -> set[tuple[int, str]]:
    """(line, payload_sha) of what the quarantine holds up to a line under the file's name.

    Files of one name share their refused rows: which of these are the file's own, its content says.
    """
    tables = lake.shard(batch.shard)
    version = tables.version(ADDRESS)
    if version is None:
        return set()
    rows = duck.execute(
        f"SELECT line, payload_sha FROM {tables.scan(ADDRESS, version)}"
        " WHERE tenant_id = ? AND object = ? AND file = ? AND line <= ?",
        [batch.tenant, batch.object, batch.file, line],
    ).fetchall()
    return set(rows)


def _table(batch: Batch, rows: list[RefusedRow], how: str | None) -> pa.Table:
    names = ("record_id", "reason", "file", "line", "bytes", "payload_sha", "payload", "encoding")
    cells = [(r.record_id, r.reason, r.file, r.line, r.size, r.sha, r.payload, r.encoding) for r in rows]
    shared = {"tenant_id": batch.tenant, "source_id": batch.source, "object": batch.object, "how": how}
    return spec(ADDRESS).arrow(cells, names, {**shared, "landed_at": batch.landed_at, "batch_id": batch.batch_id})
