"""`tenure shard`: the lake roots that tenants live in."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.output import JSON_OPTION, TenureGroup, out, print_json, print_rows

group = typer.Typer(cls=TenureGroup, no_args_is_help=True, help="Shards: the lake roots that tenants live in.")


def register(app: typer.Typer) -> None:
    """Add the command group to the root command."""
    app.add_typer(group, name="shard", rich_help_panel="Data in")


@group.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name of the shard.")],
    dedicated: Annotated[bool, typer.Option("--dedicated", help="For one tenant that demands separation.")] = False,
) -> None:
    """Add a shard. Tenants are put into it with `tenure tenant add --shard`."""
    from warehouse_models.catalog.tenants import Catalog

    added = Catalog().add_shard(name, "dedicated" if dedicated else "pooled")
    out.print(f"shard [bold]{added.name}[/] ({added.kind})")


@group.command("list")
def list_shards(as_json: bool = JSON_OPTION) -> None:
    """List shards and how many tenants each holds."""
    from warehouse_models.catalog.tenants import Catalog

    catalog = Catalog()
    tenants = catalog.tenants()
    rows = [
        {"shard": each.name, "kind": each.kind, "tenants": sum(1 for tenant in tenants if tenant.shard == each.name)}
        for each in catalog.shards()
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ("shard", "kind", "tenants"), "No shards.")
