"""`tenure land`: files into bronze."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from connectors.systems.discovery import shipped_maps
from orchestration.cli.output import JSON_OPTION, err, out, print_json, print_rows
from warehouse_models.objects.every import in_words

if TYPE_CHECKING:
    from connectors.landing.report import FileReport, LandingReport

OBJECTS = in_words()
MAPS = ", ".join(sorted(shipped_maps()))


def register(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command("land", rich_help_panel="Data in")(land)


def land(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="JSONL, CSV or Parquet; gzip allowed.")],
    tenant: Annotated[str, typer.Option(help="Whose data it is.")],
    object: Annotated[str, typer.Option(help=f"What the files hold: {OBJECTS}.")],
    as_of: Annotated[
        str,
        typer.Option(
            metavar="DATE", help="When the files were true. What they do not mention up to then did not happen."
        ),
    ] = "",
    complete: Annotated[
        bool, typer.Option("--complete", help="The files replace everything known of each id they name.")
    ] = False,
    map: Annotated[
        Path | None,
        typer.Option(metavar="FILE.yaml", help=f"How the export of another system maps onto ours. Shipped: {MAPS}."),
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Land files in bronze. The same file landed twice adds nothing. Bad rows go to quarantine with a reason.

    Exit code 0 only if every file was read to its end. See what was refused with `tenure quarantine list`.

    The export of another system needs a map: a YAML file with object, columns (ours: theirs), constants, units, nulls.
    Those that come with Tenure lie in connectors/systems/*/maps/: name one (--map salesforce_accounts) or copy it.
    """
    from connectors.landing.land import land as land_files
    from warehouse_models.catalog.tenants import Catalog
    from warehouse_models.lake.lake import Lake

    lake = Lake()
    with err.status(f"landing {len(paths)} file(s) for {tenant}") as status:

        def show(file: FileReport) -> None:
            counts = f"{file.accepted:,} accepted, {file.duplicate:,} known, {file.quarantined:,} refused"
            status.update(f"{escape(file.file)}: {counts}")

        report = land_files(
            lake,
            Catalog(lake),
            tenant,
            object,
            paths,
            as_of=as_of or None,
            complete=complete,
            mapping=map,
            on_progress=show,
        )
    if as_json:
        print_json(report.as_dict())
    else:
        _print_report(report)
    if not report.is_complete:
        raise typer.Exit(1)


def _print_report(report: LandingReport) -> None:
    rows = [
        {
            "file": file.file,
            "accepted": file.accepted,
            "duplicate": file.duplicate,
            "quarantined": file.quarantined,
            "problem": file.error or "; ".join(file.notes),
        }
        for file in report.files
    ]
    print_rows(rows, ("file", "accepted", "duplicate", "quarantined", "problem"), "No files.")
    for file in report.files:
        if file.as_of is not None:
            reason = "told" if file.is_as_of_told else "the latest day it speaks of; --as-of DATE says otherwise"
            out.print(f"{escape(file.file)} is true up to {file.as_of} ({reason})")
    if report.quarantined:
        out.print(f"why rows were refused: tenure quarantine list --tenant {report.tenant}")
    if report.accepted:
        out.print("next: tenure run (the sensor does it by itself where `tenure up` runs)")
