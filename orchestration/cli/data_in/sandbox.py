"""`tenure sandbox`: simulated tenants whose true figures are known."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from orchestration.cli.output import JSON_OPTION, TenureGroup, err, out, print_json, print_rows, step

group = typer.Typer(cls=TenureGroup, no_args_is_help=True, help="Simulated tenants with known true figures.")


def register(app: typer.Typer) -> None:
    """Add the command group to the root command."""
    app.add_typer(group, name="sandbox", rich_help_panel="Data in")


@group.command("create")
def create(
    seed: Annotated[int, typer.Option(help="The same seed, days and last day give the same bytes.")] = 7,
    days: Annotated[int, typer.Option(help="How many days of history.")] = 180,
    last_day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Default: yesterday.")] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Write the sandbox world and land it: two tenants in the pool, one in a shard of its own.

    The files stand under TENURE_HOME/sandbox, the true users, sessions and active days beside them in `truth`.
    """
    from connectors.sandbox.landing import folder, land_sandbox, write_sandbox
    from warehouse_models.lake.lake import Lake

    with step("write the sandbox world"), err.status("") as status:
        files = write_sandbox(status.update, seed, days, last_day.date() if last_day else None)
    with step("land it"), err.status("") as status:
        landed = [vars(each) for each in land_sandbox(Lake(), files, status.update)]
    if as_json:
        print_json(landed)
        return
    print_rows(landed, ("tenant", "shard", "accepted", "duplicate", "quarantined"), "No tenants.")
    out.print(f"files and true answers: {folder()}\nnext: tenure run")
