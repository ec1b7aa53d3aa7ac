"""`tenure maintain`: upkeep of the tables."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from orchestration.cli.output import JSON_OPTION, err, out, print_json


def register(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command("maintain", rich_help_panel="Run")(maintain)


def maintain(
    shard: Annotated[str | None, typer.Option(help="Only this shard; default: all.")] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Merge small files and delete those that no kept publication needs (Dagster does it every night).

    Changes no row. What the retention policy keeps stays readable; files younger than two days stay too. Safe to stop
    and to repeat; a run of the shard waits until it is done.
    """
    from orchestration.maintenance import Upkeep
    from orchestration.maintenance import maintain as upkeep
    from warehouse_models.catalog.tenants import Catalog
    from warehouse_models.lake.lake import Lake

    lake = Lake()
    catalog = Catalog(lake)
    shards = [catalog.shard(shard).name] if shard is not None else [each.name for each in catalog.shards()]

    def show(done: Upkeep) -> None:
        if done.merged or done.deleted:
            counts = f"{done.merged} files into {done.into}, {done.deleted} deleted, {done.files} now"
            err.print(f"  [green]✓[/] {done.address:<36} {counts} [dim]{done.seconds:6.1f} s[/]")

    rows: list[dict[str, Any]] = []
    for name in shards:
        err.print(f"[cyan]▸[/] upkeep of shard {name} …")
        done = upkeep(lake, name, on_table=show, on_wait=lambda line: err.print(f"  {escape(line)}"))
        rows += [{"shard": name, **vars(table)} for table in done]
    if as_json:
        print_json(rows)
        return
    merged, deleted = (sum(int(row[key]) for row in rows) for key in ("merged", "deleted"))
    out.print(f"{len(rows)} tables: {merged} small files merged, {deleted} deleted")
