"""`tenure quarantine replay`: quarantined rows landed again after a mend, each as a row of the landing it came in.

    open rows ─▶ the row as it was kept, or as a file has it now ─▶ contract, map ─▶ bronze ─▶ what became of it
                      └─ cannot be read alone: kept, and why          └─ refused: its newest reason ─┘ (bronze/replays)

A mend is a corrected map, limit, setting or contract, or a corrected file. Bronze and quarantine only grow: that a row
has left the quarantine is a fact in bronze/replays. Killed anywhere and run again it ends the same, for a row that is
in bronze already is found there and settled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from duckdb import DuckDBPyConnection

from connectors.contracts.contract import Contract, contract_of
from connectors.contracts.events import EventContract
from connectors.contracts.maps import Mapping
from connectors.contracts.reasons import CONFLICT, Refused
from connectors.contracts.times import now_micros
from connectors.files.paths import landable, shown_name
from connectors.landing.batch import Batch
from connectors.landing.commit import append_events, append_records
from connectors.landing.open_rows import REPLAYS, Filter, QuarantinedRow, open_rows
from connectors.landing.report import ReplayReport
from connectors.landing.row_reader import How, RowReader, read_map
from connectors.landing.store import Store
from connectors.landing.tries import Kept, Try, corrected, stored
from warehouse_models.catalog.tenants import Catalog, Tenant
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import landing_trail
from warehouse_models.objects.every import all_objects
from warehouse_models.specs import spec

CHUNK = 1_000


def replay(
    lake: Lake,
    catalog: Catalog,
    tenant: str,
    only: Filter | None = None,
    *,
    mapping: Mapping | Path | str | None = None,
    corrected_by: Path | str | None = None,
    on_progress: Callable[[ReplayReport], None] = lambda _: None,
) -> ReplayReport:
    """Land the quarantined rows of a tenant again, those that `only` names.

    `mapping` reads them, as `--map` does when landing. `corrected_by` is a file that has the rows at the lines at which
    they were refused: the file itself where rows were too long to be kept, or one with mended lines; nothing else of it
    is landed. TenureError: no such tenant, object, map or file, or one that does not fit.
    """
    only = only or Filter()
    owner = catalog.tenant(tenant)
    if only.object is not None and only.object not in all_objects():
        raise TenureError(f"object {only.object}", "it cannot be landed", f"objects: {', '.join(all_objects())}")
    if (mapping or corrected_by) and only.object is None:
        raise TenureError("replay", "a map or a file is for rows of one object", "add --object")
    using = read_map(mapping, only.object or "")
    report = ReplayReport(tenant)
    with lake.duck() as duck:
        run = _Replay(lake, duck, owner, using, report, on_progress)
        if corrected_by is None:
            run.of(stored(open_rows(lake, duck, owner, only), report))
        else:
            (path,) = landable([corrected_by])
            only = replace(only, file=only.file or shown_name(path.name))
            sources = () if using is None else using.sources
            # The payload is not looked at: the file has the row.
            waiting = open_rows(lake, duck, owner, only, "* REPLACE ('' AS payload)")
            run.of(corrected(path, owner, waiting, sources, report))
    return report


class _Replay:
    """Tries rows in chunks: what the contract takes goes to bronze, then each row's outcome is written down."""

    def __init__(
        self,
        lake: Lake,
        duck: DuckDBPyConnection,
        tenant: Tenant,
        mapping: Mapping | None,
        report: ReplayReport,
        on_progress: Callable[[ReplayReport], None],
    ) -> None:
        self.lake, self.duck, self.tenant, self.mapping = lake, duck, tenant, mapping
        self.report, self.on_progress = report, on_progress
        self.now = now_micros()

    def of(self, tries: Iterator[Try]) -> None:
        chunk: list[Try] = []
        for one in tries:
            chunk.append(one)
            if len(chunk) >= CHUNK:
                self._chunk(chunk)
                chunk = []
        self._chunk(chunk)

    def _chunk(self, chunk: list[Try]) -> None:
        tried = [one for one in chunk if self._read(one)]
        good = sorted((one for one in tried if one.good), key=_batch)
        for _, tries in groupby(good, key=_batch):
            self._land(list(tries))
        self._write([one for one in tried if one.outcome])
        self.on_progress(self.report)

    def _read(self, one: Try) -> bool:
        """Read one row by the contract; False where it is kept."""
        how = one.refusal.how
        try:
            if how is not None and how.map is not None and self.mapping is None:
                raise Kept(f"it was landed with map {how.map}; give it, mended, with --map")
            contract = self._contract(one.refusal)
            one.good = RowReader(one.refusal.object, contract, self.mapping, one.kind).read(one.row)
            named = one.refusal.record_id
            if not one.is_same and named is not None and one.good[0] != named:
                one.good = ()
                raise Kept("the file has another record at this line; the lines must stand as they stood")
            return True
        except Refused as no:
            one.outcome, one.reason = "refused", no.reason
            return True
        except Kept as why:
            self.report.keep(str(why))
            return False

    def _contract(self, refusal: QuarantinedRow) -> Contract:
        default_time = None if refusal.how is None else refusal.how.default_time
        return contract_of(refusal.object, self.tenant, self.now, default_time or _micros(refusal.landed_at))

    def _land(self, tries: list[Try]) -> None:
        """Append the rows of one landing to bronze, as rows of that landing that were written now."""
        first = tries[0].refusal
        batch = Batch(
            tenant=first.tenant,
            shard=self.tenant.shard,
            object=first.object,
            source=first.source or "file_drop",
            batch_id=first.batch_id,
            file=first.file,
            landed_at=self.now,
        )
        contract = self._contract(first)
        store = Store(self.lake, batch, contract, "", self.duck)
        rows = [one.good for one in tries]
        contradicted: set[tuple[str, int]] = set()
        if isinstance(contract, EventContract):
            append_events(store, rows, None)
        else:
            how = first.how or How("jsonl")
            append_records(store, rows, [], None, how.to_json(), complete=how.complete)
            landed = store.landed_versions(rows, own_only=how.complete)
            contradicted = {key for key, versions in landed.items() if len({one.sha for one in versions}) > 1}
        # What bronze holds now says what became of a row, so a replay that was cut off here ends the same.
        places = store.places(rows)
        for one in tries:
            here = places[one.good[:2]]
            if (one.row.line, first.batch_id) in here:
                one.outcome = "conflict" if (one.good[0], one.good[2]) in contradicted else "accepted"
            elif one.is_same or any(line == one.row.line for line, _ in here):
                one.outcome = "duplicate"
            else:
                self.report.keep("bronze has the file's row from another line; the lines must stand as they stood")

    def _write(self, tried: list[Try]) -> None:
        """Count the outcomes, and append those that say something new."""
        news = []
        for one in tried:
            if one.outcome == "accepted":
                self.report.accepted += 1
            elif one.outcome == "duplicate":
                self.report.duplicate += 1
            else:
                self.report.refuse(one.reason or CONFLICT)
            if one.outcome != "refused" or one.reason != one.refusal.reason:
                news.append(one)
        if not news:
            return
        at = datetime.now(UTC)
        rows = [
            {
                "tenant_id": one.refusal.tenant,
                "object": one.refusal.object,
                "file": one.refusal.file,
                "line": one.refusal.line,
                "payload_sha": one.refusal.sha,
                "batch_id": one.refusal.batch_id,
                "outcome": one.outcome,
                "reason": one.reason,
                "replayed_at": at,
            }
            for one in news
        ]
        trail = landing_trail("replay", [at.date()], [self.tenant.tenant_id])
        self.lake.shard(self.tenant.shard).append(REPLAYS, spec(REPLAYS).arrow(rows), trail=trail)


def _batch(one: Try) -> tuple[str, str, str]:
    return one.refusal.object, one.refusal.batch_id, one.refusal.file


def _micros(moment: datetime) -> int:
    gone = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds
