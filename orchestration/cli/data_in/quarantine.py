"""`tenure quarantine`: what landing refused, and how it is landed after all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from orchestration.cli.output import JSON_OPTION, TenureGroup, err, out, print_json, print_rows
from warehouse_models.objects.every import in_words

if TYPE_CHECKING:
    from connectors.landing.open_rows import QuarantinedRow
    from connectors.landing.report import ReplayReport

group = typer.Typer(cls=TenureGroup, no_args_is_help=True, help="Rows that landing refused, and why.")

OBJECTS = in_words()
_TENANT = typer.Option(help="Only this tenant.")
_OBJECT = typer.Option(help=f"Only this object: {OBJECTS}.")
_FILE = typer.Option(metavar="NAME", help="Only rows of files of this name.")
_REASON = typer.Option(metavar="CODE", help="Only this reason, e.g. not_json.")
_SINCE = typer.Option(metavar="DATE", help="Only rows that were refused on that day or later.")


def register(app: typer.Typer) -> None:
    """Add the command group to the root command."""
    app.add_typer(group, name="quarantine", rich_help_panel="Data in")


@group.command("list")
def list_quarantined(
    tenant: Annotated[str | None, _TENANT] = None,
    object: Annotated[str | None, _OBJECT] = None,
    file: Annotated[str | None, _FILE] = None,
    reason: Annotated[str | None, _REASON] = None,
    since: Annotated[str | None, _SINCE] = None,
    settled: Annotated[bool, typer.Option("--settled", help="Also the rows that a replay has landed.")] = False,
    by_reason: Annotated[bool, typer.Option("--by-reason", help="Only count the rows of each reason.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="At most this many rows; 0: all.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Skip this many rows, for the next page.")] = 0,
    as_json: bool = JSON_OPTION,
) -> None:
    """Count the refused rows by reason, then list them with file, line, reason and their beginning.

    Rows that `tenure quarantine replay` has landed since are left out; --settled lists them too, with their state.
    """
    from connectors.landing.open_rows import Filter, count_reasons, list_rows
    from warehouse_models.catalog.tenants import Catalog
    from warehouse_models.lake.lake import Lake

    lake = Lake()
    catalog = Catalog(lake)
    tenants = [catalog.tenant(tenant)] if tenant is not None else catalog.tenants()
    only = Filter(object, file, reason, since, settled)
    counts = count_reasons(lake, tenants, only) if by_reason or not as_json else []
    rows = [] if by_reason else list_rows(lake, tenants, only, limit or None, offset)
    if as_json:
        print_json(counts if by_reason else [row.as_dict() for row in rows])
        return
    print_rows(counts, ("tenant", "object", "reason", "rows", "files", "first", "last"), "Nothing is in quarantine.")
    if not rows:
        return
    columns = ("tenant", "object", "file", "line", "reason", "row") + (("state",) if settled else ())
    print_rows([{**row.as_dict(), "row": _start_of(row)} for row in rows], columns, "")
    total = sum(count["rows"] for count in counts)
    if total > len(rows):
        last = offset + len(rows)
        more = f"; the next: --offset {last}" if last < total else ""
        out.print(f"[dim]rows {offset + 1:,} to {last:,} of {total:,}{more}[/]")


def _start_of(row: QuarantinedRow) -> str:
    """How a row starts, on one line, and how much of it is kept where that is not all."""
    text = row.raw[:80].decode("utf-8", "backslashreplace").replace("\n", "\\n").replace("\0", "\\0")
    if not row.is_whole and row.size:
        return f"{text}… (kept: the first {len(row.raw):,} of {row.size:,} bytes)"
    return text + ("…" if len(row.raw) > 80 else "")


@group.command("replay")
def replay(
    tenant: Annotated[str, typer.Option(help="Whose rows they are.")],
    object: Annotated[str | None, _OBJECT] = None,
    file: Annotated[str | None, _FILE] = None,
    reason: Annotated[str | None, _REASON] = None,
    since: Annotated[str | None, _SINCE] = None,
    map: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Read them by this map, as land --map does.")
    ] = None,
    corrected: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Take the rows from this file, at the same lines.")
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Land quarantined rows again, after a map, a limit, a setting or the file itself was mended.

    Rows that are accepted, or that bronze has already, leave the quarantine. The others stay, with their newest reason.
    --from takes the rows from a file instead: from one with corrected lines, or from the file itself where a row is
    longer than 64 KiB, because only its start is kept. Only the quarantined lines of that file are read. Safe to repeat
    and to interrupt: a row lands once.
    """
    from dataclasses import asdict

    from connectors.landing.open_rows import Filter
    from connectors.landing.replay import replay as land_again
    from warehouse_models.catalog.tenants import Catalog
    from warehouse_models.lake.lake import Lake

    lake = Lake()
    with err.status(f"replaying quarantined rows of {tenant}") as status:
        report = land_again(
            lake,
            Catalog(lake),
            tenant,
            Filter(object, file, reason, since),
            mapping=map,
            corrected_by=corrected,
            on_progress=lambda so_far: status.update(f"{so_far.rows:,} rows looked at"),
        )
    if as_json:
        print_json(asdict(report))
    else:
        _print_replay(report)
    if report.error is not None:
        raise typer.Exit(1)


def _print_replay(report: ReplayReport) -> None:
    if not report.rows:
        out.print("Nothing in quarantine matches. See what is there: tenure quarantine list")
    else:
        out.print(f"{report.accepted:,} accepted, {report.duplicate:,} known already, {report.refused:,} refused still")
    for code, count in report.reasons.items():
        out.print(f"  {count:,} refused: {escape(code)}")
    for why, count in report.kept.items():
        out.print(f"  {count:,} not tried: {escape(why)}")
    if report.error is not None:
        out.print(f"[red]stopped: {escape(report.error)}[/]")
    if report.refused:
        out.print(f"why: tenure quarantine list --tenant {report.tenant}")
    if report.accepted:
        out.print("next: tenure run (the sensor does it by itself where `tenure up` runs)")
