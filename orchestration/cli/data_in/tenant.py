"""`tenure tenant`: who is in the lake, where, with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape

from orchestration.cli.output import JSON_OPTION, TenureGroup, out, print_json, print_rows

group = typer.Typer(cls=TenureGroup, no_args_is_help=True, help="Tenants: add, list, change settings.")


def register(app: typer.Typer) -> None:
    """Add the command group to the root command."""
    app.add_typer(group, name="tenant", rich_help_panel="Data in")


@group.command("add")
def add(
    slug: Annotated[str, typer.Argument(help="a-z, 0-9 and single _, starting with a letter, e.g. acme.")],
    shard: Annotated[str, typer.Option(help="Shard that holds the tenant's tables.")] = "pool",
    name: Annotated[str, typer.Option(help="Name that people read.")] = "",
    state: Annotated[str, typer.Option(help="active, sandbox or suspended.")] = "active",
) -> None:
    """Add a tenant. Adding it again changes nothing."""
    from warehouse_models.catalog.tenants import Catalog

    added = Catalog().add_tenant(slug, shard, name=name, state=state)
    out.print(f"tenant [bold]{added.tenant_id}[/] lives in shard {added.shard} ({added.state})")


@group.command("list")
def list_tenants(as_json: bool = JSON_OPTION) -> None:
    """List tenants with shard, state and settings."""
    from warehouse_models.catalog.tenants import Catalog

    rows: list[dict[str, Any]] = [
        {
            "tenant": each.tenant_id,
            "name": each.name,
            "shard": each.shard,
            "state": each.state,
            "settings": dict(each.settings),
            "quotas": dict(each.quotas),
            "version": each.version,
        }
        for each in Catalog().tenants()
    ]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            row["settings"] = _shown(row["settings"])
        columns = ("tenant", "name", "shard", "state", "settings", "quotas", "version")
        print_rows(rows, columns, "No tenants yet. Add one: tenure tenant add acme")


@group.command("set")
def change(
    slug: Annotated[str, typer.Argument(help="The tenant.")],
    pairs: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE…",
            help="An empty value takes a setting back. A tracking plan is a file: tracking_plan=FILE.yaml.",
        ),
    ],
) -> None:
    """Change a tenant: name, state, policy values, tracking plan, quotas.

    Quotas are max_file_bytes and max_file_rows of a landing, and events_per_second of the collector. The next run
    computes again what a changed setting touches.
    """
    from warehouse_models.catalog.tenants import Catalog
    from warehouse_models.errors import TenureError

    changes: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise TenureError(f"setting {pair!r}", "it is not KEY=VALUE", f"tenure tenant set {slug} name=Acme")
        changes[key] = value
    changed = Catalog().set_tenant(slug, **changes)
    settled = {**_shown(changed.settings), **changed.quotas}
    settings = " ".join(f"{key}={value}" for key, value in settled.items()) or "all defaults"
    out.print(f"tenant [bold]{slug}[/], version {changed.version}: {changed.state}, {escape(settings)}")


def _shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for a table that people read; `--json` has the whole plan."""
    from warehouse_models.policies.tracking_plan import summary

    return {key: summary(value) if key == "tracking_plan" else value for key, value in settings.items()}
