"""`tenure land` and `tenure quarantine`: files into bronze, and what was refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from orchestration.cli.output import JSON_OPTION, TenureGroup, err, out, print_json, print_rows

if TYPE_CHECKING:
    from connectors.report import FileReport, LandingReport

quarantine = typer.Typer(cls=TenureGroup, no_args_is_help=True, help="Rows that landing refused, and why.")

OBJECTS = "events, accounts or users"
# Read from the folder, for importing the package that reads maps would make `tenure --help` slow.
MAPS = ", ".join(sorted(path.stem for path in (Path(__file__).parents[2] / "connectors" / "maps").glob("*.yaml")))


def register(app: typer.Typer) -> None:
    """Add the commands to the root command."""
    app.command("land", rich_help_panel="Data in")(land)
    app.add_typer(quarantine, name="quarantine", rich_help_panel="Data in")


def land(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="JSONL, CSV or Parquet; gzip allowed.")],
    tenant: Annotated[str, typer.Option(help="Whose data it is.")],
    object: Annotated[str, typer.Option(help=f"What the files hold: {OBJECTS}.")],
    as_of: Annotated[
        str, typer.Option(metavar="DATE", help="When the files were true; silence up to then counts.")
    ] = "",
    complete: Annotated[bool, typer.Option("--complete", help="They replace all that is known of each id.")] = False,
    map: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help=f"How a foreign export maps onto ours. Shipped: {MAPS}.")
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Land files in bronze. The same file landed twice adds nothing; bad rows are kept apart with a reason.

    Exit code 0 only if every file was read to its end. See what was refused with `tenure quarantine list`.

    A foreign export needs a map: a YAML file with the parts object, columns (ours: theirs), constants, units and nulls.
    Those that come with Tenure lie in connectors/maps/, to be used by name (--map salesforce_accounts) or copied.
    """
    from connectors.land import land as land_files
    from warehouse_models.catalog import Catalog
    from warehouse_models.lake import Lake

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
    if report.quarantined:
        out.print(f"why rows were refused: tenure quarantine list --tenant {report.tenant}")
    if report.accepted:
        out.print("next: tenure run (the sensor does it by itself where `tenure up` runs)")


@quarantine.command("list")
def quarantine_list(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    object: Annotated[str, typer.Option(help=f"Only this object: {OBJECTS}.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many rows per tenant; 0: all.")] = 50,
    as_json: bool = JSON_OPTION,
) -> None:
    """List refused rows with file, line, reason and the row itself."""
    from dataclasses import asdict

    from connectors.quarantine import list_refusals
    from warehouse_models.catalog import Catalog
    from warehouse_models.lake import Lake

    lake = Lake()
    catalog = Catalog(lake)
    tenants = [catalog.tenant(tenant)] if tenant is not None else catalog.tenants()
    rows = [
        asdict(refusal)
        for found in tenants
        for refusal in list_refusals(lake, found.tenant_id, found.shard, object or None, limit or None)
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        row["row"] = row["payload"][:80] + ("…" if len(row["payload"]) > 80 else "")
    print_rows(rows, ("tenant", "object", "file", "line", "reason", "row"), "Nothing is in quarantine.")
    if limit and any(sum(row["tenant"] == found.tenant_id for row in rows) == limit for found in tenants):
        out.print(f"[dim]only the first {limit} of a tenant; all of them: --limit 0[/]")
