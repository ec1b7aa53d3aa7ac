"""One file on its way into bronze: its rows are read, looked up and committed in chunks, then the book gets its row."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from connectors.contracts import reasons
from connectors.contracts.canonical import canonical, sha_hex
from connectors.contracts.contract import contract_of
from connectors.contracts.events import EventContract
from connectors.contracts.maps import Mapping
from connectors.contracts.reasons import Refused
from connectors.contracts.records import RecordContract
from connectors.contracts.times import iso, now_micros
from connectors.files.formats import Unreadable, too_much
from connectors.files.paths import shown_name
from connectors.files.reading import csv_header_of, file_sha, kind_of, read_rows
from connectors.files.rows import HEAD, Row, max_row_bytes
from connectors.landing.batch import Batch
from connectors.landing.book import landed_before, write_landing
from connectors.landing.commit import append_events, append_records
from connectors.landing.open_rows import settled
from connectors.landing.quarantine import RefusedRow, refuse, refused_up_to
from connectors.landing.report import FileReport
from connectors.landing.row_reader import How, RowReader
from connectors.landing.store import Store
from warehouse_models.catalog.tenants import Tenant
from warehouse_models.lake.lake import Lake
from warehouse_models.policies.quotas import effective_quotas

CHUNK_ROWS = 65_536
CHUNK_BYTES = 64_000_000


@dataclass(frozen=True)
class Terms:
    """What is landed and how it is to be read, the same for each file of a call.

    `as_of` (UTC microseconds; None: nobody said) is when the files were true; `complete`: they replace what bronze has
    of each id they name; `on_progress` gets the running report of a file after each chunk.
    """

    tenant: Tenant
    object: str
    as_of: int | None
    complete: bool
    mapping: Mapping | None
    source: str
    on_progress: Callable[[FileReport], None]

    @property
    def sha(self) -> str:
        """Hash of how rows are read: landing a file again on other terms is another landing."""
        mapping = self.mapping.sha if self.mapping else None
        return sha256(canonical([self.as_of, self.complete, mapping])).hexdigest()[:16]


class FileLanding:
    """Raises OSError where the file cannot be opened; what goes wrong later stands in the report."""

    def __init__(self, lake: Lake, duck: DuckDBPyConnection, path: Path, terms: Terms) -> None:
        self.lake, self.duck, self.path, self.terms = lake, duck, path, terms
        self.limit = max_row_bytes()
        self.quotas = effective_quotas(terms.tenant.quotas)
        self.stat_before = _stat(path)
        self.sha = file_sha(path)
        self.app = f"land:{terms.tenant.tenant_id}:{terms.object}:{self.sha}:{terms.sha}"
        self.batch = self._batch(now_micros())
        default_time = self.batch.landed_at if terms.as_of is None else terms.as_of
        self.contract = contract_of(terms.object, terms.tenant, self.batch.landed_at, default_time)
        self.store = Store(lake, self.batch, self.contract, self.app, duck)
        self.report = FileReport(shown_name(str(path)), terms.object, self.batch.batch_id)
        self.kind = kind_of(path)
        self.reader = RowReader(terms.object, self.contract, terms.mapping, self.kind)
        self.header = tuple(csv_header_of(path, self.limit)) if self.kind == "csv" else ()
        # The rows since the last commit, and their size in bytes.
        self.good: list[tuple[Any, ...]] = []
        self.refused: list[RefusedRow] = []
        self.size = 0
        self.is_anew = False

    def _batch(self, now: int) -> Batch:
        return Batch(
            tenant=self.terms.tenant.tenant_id,
            shard=self.terms.tenant.shard,
            object=self.terms.object,
            source=self.terms.source,
            # The batch is the file and how it was read: landing it again finds its own rows.
            batch_id=sha256(self.app.encode()).hexdigest()[:32],
            file=shown_name(self.path.name),
            landed_at=now,
        )

    def run(self) -> FileReport:
        """Land the file, or find that it is landed; its report."""
        started = time.monotonic()
        try:
            if not self._landed_before():
                self._land()
        finally:
            self.report.seconds = round(time.monotonic() - started, 3)
        self.terms.on_progress(self.report)
        return self.report

    # -- a file that was here before -----------------------------------------------------------------------------------
    def _landed_before(self) -> bool:
        """Whether this file was landed to its end; its counts are then told again, and nothing is read."""
        row = landed_before(self.lake, self.duck, self.batch)
        self.is_anew = row is not None
        if row is None:
            return False
        accepted, duplicate, quarantined = row
        if accepted and self.store.lines_done()[1] is None:
            return False
        since = min(quarantined, settled(self.lake, self.duck, self.batch))
        self.report.duplicate, self.report.quarantined = accepted + duplicate + since, quarantined - since
        return True

    # -- a file that is new, or was cut off ----------------------------------------------------------------------------
    def _land(self) -> None:
        done, began = self.store.lines_done()
        if began is not None and self.terms.as_of is None and isinstance(self.contract, RecordContract):
            # Rows without a time of their own belong to the moment their landing began, killed or not.
            self.contract.default_time = began
        skipped = self._take_rows(done)
        if skipped:
            refused = min(skipped, self._refused_before(done))
            self.report.duplicate += skipped - refused
            self.report.quarantined += refused
        self._describe(is_whole=done == 0)
        if self.report.error is None:
            self._write_down()

    def _take_rows(self, done: int) -> int:
        """Read and commit the rows behind line `done`; how many came before it."""
        skipped = last = 0
        most_bytes, most_rows = self.quotas["max_file_bytes"], self.quotas["max_file_rows"]
        sources = () if self.terms.mapping is None else self.terms.mapping.sources
        try:
            for number, row in enumerate(read_rows(self.path, done, self.limit, most_bytes, sources), 1):
                if number > most_rows:
                    raise too_much(most_rows, "rows", "max_file_rows")
                if row.last_line <= done:
                    skipped += 1
                    continue
                self._take(row)
                if len(self.good) + len(self.refused) >= CHUNK_ROWS or self.size >= CHUNK_BYTES:
                    self._commit(row.last_line)
                last = row.last_line
        except Unreadable as error:
            self.report.error = str(error)
        if self.good or self.refused:
            self._commit(last)
        return skipped

    def _take(self, row: Row) -> None:
        """Read one row by the contract; only what bronze or the quarantine will hold stays in memory."""
        try:
            self.good.append(self.reader.read(row))
            self.size += row.size
        except Refused as no:
            self.report.refuse(no.reason)
            self.refused.append(RefusedRow.of(no.reason, self.batch.file, row.line, row.raw, row.size, no.record_id))
            self.size += len(row.raw)

    def _commit(self, last_line: int) -> None:
        """Commit the rows taken since the last commit; up to `last_line` the file is done."""
        good, refused = self.good, self.refused
        self.good, self.refused, self.size = [], [], 0
        if isinstance(self.contract, EventContract):
            refuse(self.lake, self.duck, self.batch, refused, self._how())
            fresh = append_events(self.store, good, last_line)
            self.report.accepted += len(fresh)
            self.report.duplicate += len(good) - len(fresh)
        else:
            appended = append_records(self.store, good, refused, last_line, self._how(), complete=self.terms.complete)
            in_conflict = len(appended.conflicts) + appended.moved
            self.report.accepted += len(appended.fresh) - in_conflict
            self.report.duplicate += len(good) - len(appended.fresh)
            for _ in range(in_conflict):
                self.report.refuse(reasons.CONFLICT)
        self.terms.on_progress(self.report)

    def _how(self) -> str:
        default_time = self.contract.default_time if isinstance(self.contract, RecordContract) else None
        mapping = self.terms.mapping
        name = None if mapping is None else mapping.name or "a map"
        return How(self.kind, self.header, name, default_time, self.terms.complete).to_json()

    def _refused_before(self, done: int) -> int:
        """How many of the file's rows up to line `done` its landing refused before it was cut off."""
        quarantined = refused_up_to(self.lake, self.duck, self.batch, done)
        if not quarantined:
            return 0
        # A row that reached bronze is refused only as one side of a conflict, and stands there with its payload.
        landed = self.store.payloads(sorted({line for line, _ in quarantined}))
        in_bronze = {line for line, _ in landed}
        refused = {line for line, payload in landed if (line, sha_hex(payload.encode()[:HEAD])) in quarantined}
        with suppress(Unreadable):
            for row in read_rows(self.path, 0, self.limit, self.quotas["max_file_bytes"]):
                if row.line > done:
                    break
                if row.line not in in_bronze and (row.line, sha_hex(row.raw[:HEAD])) in quarantined:
                    refused.add(row.line)
        return len(refused)

    def _describe(self, *, is_whole: bool) -> None:
        """Tell in the report what is odd, and up to when the file is true. `is_whole`: no row was skipped."""
        report, as_of = self.report, self.terms.as_of
        if self.reader.unseen and is_whole and report.rows and report.error is None:
            report.notes.append(f"no row has {', '.join(sorted(self.reader.unseen))}, which the map reads")
        if isinstance(self.contract, RecordContract) and self.contract.rules.dates:
            report.is_as_of_told = as_of is not None
            report.as_of = self.contract.speaks_of if as_of is None else iso(as_of)[:10]
        if report.error is None and _stat(self.path) != self.stat_before:
            report.error = "the file changed or went away while it was read; land it again"

    def _write_down(self) -> None:
        write_landing(
            self.store,
            self.report,
            file_sha=self.sha,
            as_of=self.terms.as_of,
            complete=self.terms.complete,
            is_anew=self.is_anew,
        )


def _stat(path: Path) -> tuple[int, int] | None:
    """Size and time of a file's last change; None where it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
