"""`tenure land`: files into bronze, each row accepted, known already, or quarantined; landing again adds nothing.

    file ─▶ rows (reading) ─▶ contract (events, records) ─▶ chunk ─▶ look-up ─▶ quarantine, then one commit
                                   └─ refused ─────────────────────────────▶ with the number of lines done

A kill between any two steps is mended by landing the file again: committed lines are skipped by the file's marker,
quarantine rows are found by file, line and content, and everything else was never there.

Alone: land(Lake(), Catalog(), "acme", "events", ["events.jsonl.gz"])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from connectors.contracts import reasons
from connectors.contracts.canonical import canonical, sha_hex
from connectors.contracts.contract import contract_of
from connectors.contracts.events import EventContract
from connectors.contracts.maps import Mapping, read_mapping
from connectors.contracts.reasons import Refused
from connectors.contracts.records import FLOOR, RecordContract
from connectors.contracts.times import MICROS_PER_DAY, NotATime, iso, now_micros, parse_micros
from connectors.files.formats import Unreadable, too_much
from connectors.files.paths import landable, shown_name
from connectors.files.reading import csv_header_of, file_sha, kind_of, read_rows
from connectors.files.rows import HEAD, Row, max_row_bytes
from connectors.landing.book import landed_before, write_landing
from connectors.landing.commit import append_events, append_records
from connectors.landing.open_rows import settled
from connectors.landing.quarantine import Landing, RefusedRow, refuse, refused_up_to
from connectors.landing.report import FileReport, LandingReport
from connectors.landing.row_reader import How, RowReader
from connectors.landing.store import Store
from connectors.systems.discovery import shipped_maps
from warehouse_models.catalog.tenants import Catalog, Tenant
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.objects.every import all_objects
from warehouse_models.policies.quotas import effective_quotas

CHUNK_ROWS = 65_536
CHUNK_BYTES = 64_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Progress = Callable[[FileReport], None]


def land(
    lake: Lake,
    catalog: Catalog,
    tenant: str,
    object: str,
    paths: Iterable[Path | str],
    *,
    as_of: str | date | None = None,
    complete: bool = False,
    mapping: Mapping | Path | str | None = None,
    source: str = "file_drop",
    on_progress: Progress | None = None,
) -> LandingReport:
    """Land files of one canonical object for a tenant; JSONL, CSV or Parquet, each plain or gzipped.

    `as_of` (ISO 8601 text, date or aware datetime) is when the files were true; `complete` that they replace what was
    known about each id they name; `mapping` a map or its YAML file. `on_progress` gets the running report of a file
    after each chunk. A file that cannot be read to its end keeps what came before and says so in `error`.
    TenureError: no such tenant, object, file or map.
    """
    if object not in all_objects():
        raise TenureError(f"object {object}", "it cannot be landed", f"objects: {', '.join(all_objects())}")
    named = landable(paths)
    found = catalog.tenant(tenant)
    told = _as_of(as_of)
    using = mapping if isinstance(mapping, Mapping) else read_mapping(mapping, shipped_maps()) if mapping else None
    if using is not None:
        using.check(object)
    report = LandingReport(tenant, object)
    # One connection looks everything up: opening one costs more than landing a small file.
    with lake.duck() as duck:
        for path in named:
            try:
                file = _FileLanding(lake, duck, found, object, path, told, complete, using, source, on_progress)
            except OSError as error:
                why = f"it cannot be read ({error.strerror or error})"
                report.files.append(FileReport(shown_name(str(path)), object, error=why))
            else:
                report.files.append(file.run())
    return report


def _as_of(said: str | date | None) -> int | None:
    if said is None:
        return None
    if isinstance(said, datetime) and said.tzinfo is None:
        said = said.replace(tzinfo=UTC)
    try:
        micros = parse_micros(said if isinstance(said, str) else said.isoformat())
    except NotATime:
        raise TenureError(f"--as-of {said}", "it is not an ISO 8601 date or time", "e.g. 2026-01-31") from None
    if micros > now_micros() + MICROS_PER_DAY:
        raise TenureError(f"--as-of {said}", "it lies in the future", "say when the file was true")
    if micros < FLOOR:
        raise TenureError(f"--as-of {said}", f"it lies before {iso(FLOOR)[:10]}", "say when the file was true")
    return micros


class _FileLanding:
    """One file on its way into bronze."""

    def __init__(
        self,
        lake: Lake,
        duck: DuckDBPyConnection,
        tenant: Tenant,
        object: str,
        path: Path,
        as_of: int | None,
        complete: bool,
        mapping: Mapping | None,
        source: str,
        on_progress: Progress | None,
    ) -> None:
        self.duck = duck
        self.lake, self.path, self.as_of, self.complete, self.mapping = lake, path, as_of, complete, mapping
        self.on_progress = on_progress or (lambda _: None)
        self.limit = max_row_bytes()
        quotas = effective_quotas(tenant.quotas)
        self.most_bytes, self.most_rows = quotas["max_file_bytes"], quotas["max_file_rows"]
        self.seen = _stat(path)
        self.sha = file_sha(path)
        how = sha256(canonical([as_of, complete, mapping.sha if mapping else None])).hexdigest()[:16]
        self.app = f"land:{tenant.tenant_id}:{object}:{self.sha}:{how}"
        now = now_micros()
        self.at = Landing(
            tenant=tenant.tenant_id,
            shard=tenant.shard,
            object=object,
            source=source,
            # The batch is the file and how it was read: landing it again finds its own rows.
            batch_id=sha256(self.app.encode()).hexdigest()[:32],
            file=shown_name(path.name),
            landed_at=now,
            landed_date=(_EPOCH + timedelta(microseconds=now)).date(),
        )
        self.contract = contract_of(object, tenant, now, now if as_of is None else as_of)
        self.store = Store(lake, self.at, self.contract, self.app, duck)
        self.report = FileReport(shown_name(str(path)), object, self.at.batch_id)
        self.kind = kind_of(path)
        self.reader = RowReader(object, self.contract, mapping, self.kind)
        self.header = tuple(csv_header_of(path, self.limit)) if self.kind == "csv" else ()
        self.good: list[tuple[Any, ...]] = []
        self.refused: list[RefusedRow] = []
        self.held = 0
        self.was_known = False

    def run(self) -> FileReport:
        started = time.monotonic()
        try:
            if not self._landed_before():
                self._land()
        finally:
            self.report.seconds = round(time.monotonic() - started, 3)
        self.on_progress(self.report)
        return self.report

    # -- a file that was here before -----------------------------------------------------------------------------------
    def _landed_before(self) -> bool:
        """Whether this file was landed to its end; its counts are then told again, and nothing is read."""
        row = landed_before(self.lake, self.duck, self.at)
        self.was_known = row is not None
        if row is None:
            return False
        accepted, duplicate, quarantined = row
        if accepted and self.store.lines_done()[1] is None:
            return False
        since = min(quarantined, settled(self.lake, self.duck, self.at))
        self.report.duplicate, self.report.quarantined = accepted + duplicate + since, quarantined - since
        return True

    # -- a file that is new, or was cut off ----------------------------------------------------------------------------
    def _land(self) -> None:
        done, began = self.store.lines_done()
        if began is not None and self.as_of is None and isinstance(self.contract, RecordContract):
            # Rows without a time of their own belong to the moment their landing began, killed or not.
            self.contract.default_time = began
        skipped = last = read = 0
        sources = () if self.mapping is None else self.mapping.sources
        try:
            for row in read_rows(self.path, done, self.limit, self.most_bytes, sources):
                read += 1
                if read > self.most_rows:
                    raise too_much(self.most_rows, "rows", "max_file_rows")
                if row.last_line <= done:
                    skipped += 1
                    continue
                self._take(row)
                if len(self.good) + len(self.refused) >= CHUNK_ROWS or self.held >= CHUNK_BYTES:
                    self._commit(row.last_line)
                last = row.last_line
        except Unreadable as error:
            self.report.error = str(error)
        if self.good or self.refused:
            self._commit(last)
        if skipped:
            refused = min(skipped, self._refused_before(done))
            self.report.duplicate += skipped - refused
            self.report.quarantined += refused
        if self.reader.unseen and done == 0 and self.report.rows and self.report.error is None:
            self.report.notes.append(f"no row has {', '.join(sorted(self.reader.unseen))}, which the map reads")
        if isinstance(self.contract, RecordContract) and self.contract.rules.dates:
            self.report.is_as_of_told = self.as_of is not None
            self.report.as_of = self.contract.speaks_of if self.as_of is None else iso(self.as_of)[:10]
        if self.report.error is None and _stat(self.path) != self.seen:
            self.report.error = "the file changed or went away while it was read; land it again"
        if self.report.error is None:
            write_landing(
                self.lake,
                self.duck,
                self.at,
                self.report,
                file_sha=self.sha,
                as_of=self.as_of,
                complete=self.complete,
                app=self.app,
                known=self.was_known,
            )

    def _refused_before(self, done: int) -> int:
        """How many of the file's rows up to line `done` its landing refused before it was cut off."""
        held = refused_up_to(self.lake, self.duck, self.at, done)
        if not held:
            return 0
        # A row that reached bronze is refused only as one side of a conflict, and stands there with its payload.
        landed = self.store.payloads(sorted({line for line, _ in held}))
        in_bronze = {line for line, _ in landed}
        refused = {line for line, payload in landed if (line, sha_hex(payload.encode()[:HEAD])) in held}
        with suppress(Unreadable):
            for row in read_rows(self.path, 0, self.limit, self.most_bytes):
                if row.line > done:
                    break
                if row.line not in in_bronze and (row.line, sha_hex(row.raw[:HEAD])) in held:
                    refused.add(row.line)
        return len(refused)

    def _take(self, row: Row) -> None:
        """Read one row by the contract; only what bronze or the quarantine will hold stays in memory."""
        try:
            self.good.append(self.reader.read(row))
            self.held += row.size
        except Refused as no:
            self.report.refuse(no.reason)
            self.refused.append(RefusedRow.of(no.reason, self.at.file, row.line, row.raw, row.size, no.record_id))
            self.held += len(row.raw)

    def _commit(self, last_line: int) -> None:
        """Commit the rows taken since the last commit; up to `last_line` the file is done."""
        good, refused = self.good, self.refused
        self.good, self.refused, self.held = [], [], 0
        at = self.at
        if isinstance(self.contract, EventContract):
            refuse(self.lake, self.duck, at, refused, self._how())
            fresh = append_events(self.store, good, last_line)
            self.report.accepted += len(fresh)
            self.report.duplicate += len(good) - len(fresh)
        else:
            told = append_records(self.store, good, refused, last_line, self._how(), complete=self.complete)
            in_conflict = len(told.conflicts) + told.moved
            self.report.accepted += len(told.fresh) - in_conflict
            self.report.duplicate += len(good) - len(told.fresh)
            for _ in range(in_conflict):
                self.report.refuse(reasons.CONFLICT)
        self.on_progress(self.report)

    def _how(self) -> str:
        time = self.contract.default_time if isinstance(self.contract, RecordContract) else None
        name = None if self.mapping is None else self.mapping.name or "a map"
        return How(self.kind, self.header, name, time, self.complete).to_json()


def _stat(path: Path) -> tuple[int, int] | None:
    """Size and time of a file's last change; None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
