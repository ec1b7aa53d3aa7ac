"""`tenure source`: who may send events to the collector, and by which write key."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.output import JSON_OPTION, TenureGroup, out, print_json, print_rows
from warehouse_models.catalog.rotation import OLD_VALUE_COUNTS_FOR

if TYPE_CHECKING:
    from warehouse_models.catalog.sources import Source

group = typer.Typer(cls=TenureGroup, no_args_is_help=True, help="Sources of events and their write keys.")

TENANT = typer.Option(help="Whose source it is.")
NAME = typer.Option(help="Name of the source, e.g. web.")


def register(app: typer.Typer) -> None:
    """Add the command group to the root command."""
    app.add_typer(group, name="source", rich_help_panel="Data in")


@group.command("add")
def add(
    tenant: Annotated[str, TENANT],
    name: Annotated[str, NAME],
    write_key: Annotated[
        str, typer.Option(metavar="K", help="A key that shipped apps carry already. Default: a new one.")
    ] = "",
    as_json: bool = JSON_OPTION,
) -> None:
    """Add a source. Its write key is shown once; Tenure keeps only a hash of it."""
    from warehouse_models.catalog.sources import Sources
    from warehouse_models.catalog.tenants import Catalog

    added, key = Sources(Catalog()).add(tenant, name, write_key or None)
    _print(added, None if write_key else key, as_json)


@group.command("list")
def list_sources(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's; default: all.")] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """List sources with their state. Tenure keeps no keys, so it shows none."""
    from warehouse_models.catalog.sources import Sources
    from warehouse_models.catalog.tenants import Catalog

    catalog = Catalog()
    if tenant is not None:
        catalog.tenant(tenant)
    rows = [_row(each) for each in Sources(catalog).all(tenant)]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, tuple(rows[0]) if rows else (), "No sources yet. Add one: tenure source add")


@group.command("rotate")
def rotate(
    tenant: Annotated[str, TENANT],
    name: Annotated[str, NAME],
    grace_hours: Annotated[
        float, typer.Option(min=0, help="How many hours the old key still counts; 0: not at all.")
    ] = OLD_VALUE_COUNTS_FOR // timedelta(hours=1),
    as_json: bool = JSON_OPTION,
) -> None:
    """Give a source a new write key, shown once. A revoked source becomes active again, with the new key only."""
    from warehouse_models.catalog.sources import Sources
    from warehouse_models.catalog.tenants import Catalog

    rotated, key = Sources(Catalog()).rotate(tenant, name, grace=timedelta(hours=grace_hours))
    _print(rotated, key, as_json)


@group.command("revoke")
def revoke(tenant: Annotated[str, TENANT], name: Annotated[str, NAME], as_json: bool = JSON_OPTION) -> None:
    """Stop all keys of a source. A running collector refuses them within seconds."""
    from warehouse_models.catalog.sources import Sources
    from warehouse_models.catalog.tenants import Catalog

    _print(Sources(Catalog()).revoke(tenant, name), None, as_json)


def _row(source: Source) -> dict[str, object]:
    return {
        "tenant": source.tenant_id,
        "name": source.name,
        "source_id": source.source_id,
        "state": source.state,
        "old_key_until": source.old_key_until,
        "version": source.version,
        "created_at": source.created_at,
        "updated_at": source.updated_at,
    }


def _print(source: Source, key: str | None, as_json: bool) -> None:
    if as_json:
        print_json(_row(source) | ({"write_key": key} if key else {}))
        return
    out.print(f"source [bold]{source.name}[/] of tenant {source.tenant_id}: {source.state} ({source.source_id})")
    if key:
        out.print(f"  write key {key}   (shown once)")
    if source.state == "active" and source.old_key_until is not None:
        out.print(f"  the old key counts until {source.old_key_until:%Y-%m-%d %H:%M} UTC")
