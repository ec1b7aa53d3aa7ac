"""`tenure land`: files into bronze, each row accepted, known already, or quarantined; landing again adds nothing.

    file ─▶ rows (reading) ─▶ contract (events, records) ─▶ chunk ─▶ look-up ─▶ quarantine, then one commit
                                   └─ refused ─────────────────────────────▶ with the number of lines done

A kill between any two steps is mended by landing the file again: committed lines are skipped by the file's marker,
quarantine rows are found by file, line and content, and everything else was never there.

Alone: land(Lake(), Catalog(), "acme", "events", ["events.jsonl.gz"])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from connectors.contracts.maps import Mapping
from connectors.contracts.records import FLOOR
from connectors.contracts.times import MICROS_PER_DAY, NotATime, iso, now_micros, parse_micros
from connectors.files.paths import landable, shown_name
from connectors.landing.file_landing import FileLanding, Terms
from connectors.landing.report import FileReport, LandingReport
from connectors.landing.row_reader import read_map
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.objects.every import all_objects


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
    on_progress: Callable[[FileReport], None] = lambda _: None,
) -> LandingReport:
    """Land files of one canonical object for a tenant; JSONL, CSV or Parquet, each plain or gzipped.

    `as_of` (ISO 8601 text, date or aware datetime) is when the files were true; `complete` that they replace what was
    known about each id they name; `mapping` a map or its YAML file. `on_progress` gets the running report of a file
    after each chunk. A file that cannot be read to its end keeps what came before and says so in `error`.
    TenureError: no such tenant, object, file or map.
    """
    if object not in all_objects():
        raise TenureError(f"object {object}", "it cannot be landed", f"objects: {', '.join(all_objects())}")
    files = landable(paths)
    terms = Terms(
        tenant=catalog.tenant(tenant),
        object=object,
        as_of=_micros(as_of),
        complete=complete,
        mapping=read_map(mapping, object),
        source=source,
        on_progress=on_progress,
    )
    report = LandingReport(tenant, object)
    # One connection looks everything up: opening one costs more than landing a small file.
    with lake.duck() as duck:
        for path in files:
            try:
                file = FileLanding(lake, duck, path, terms)
            except OSError as error:
                why = f"it cannot be read ({error.strerror or error})"
                report.files.append(FileReport(shown_name(str(path)), object, error=why))
            else:
                report.files.append(file.run())
    return report


def _micros(as_of: str | date | None) -> int | None:
    if as_of is None:
        return None
    if isinstance(as_of, datetime) and as_of.tzinfo is None:
        as_of = as_of.replace(tzinfo=UTC)
    try:
        micros = parse_micros(as_of if isinstance(as_of, str) else as_of.isoformat())
    except NotATime:
        raise TenureError(f"--as-of {as_of}", "it is not an ISO 8601 date or time", "e.g. 2026-01-31") from None
    if micros > now_micros() + MICROS_PER_DAY:
        raise TenureError(f"--as-of {as_of}", "it lies in the future", "say when the file was true")
    if micros < FLOOR:
        raise TenureError(f"--as-of {as_of}", f"it lies before {iso(FLOOR)[:10]}", "say when the file was true")
    return micros
