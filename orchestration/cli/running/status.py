"""`tenure status`: what runs, what is published, and who is held."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from orchestration.cli.output import JSON_OPTION, out, print_held, print_json, print_rows


def register(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command("status", rich_help_panel="Run")(status)


def status(as_json: bool = JSON_OPTION) -> None:
    """Show what runs, what is published for each tenant, and which tenants are held: why, since when, what to do."""
    from orchestration.publish.held import held_tenants
    from orchestration.services.services import status as service_status
    from warehouse_models import home
    from warehouse_models.published import replica

    services = [vars(service) for service in service_status()]
    shown = [service | {"pid": str(service["pid"] or "")} for service in services]
    manifest = replica.refresh(home.published_root())
    held = held_tenants(manifest)
    tenants: list[dict[str, Any]] = [
        {
            "tenant": slug,
            "shard": publication.shard,
            "version": publication.version,
            "data through": publication.data_through,
            "published": publication.figures_at.isoformat()[:19] if publication.figures_at else "never",
            "state": "held" if publication.is_held else "published",
        }
        for slug, publication in sorted(manifest.tenants.items() if manifest else ())
    ]
    if as_json:
        print_json(
            {
                "home": str(home.home()),
                "services": services,
                "tenants": tenants,
                "held": [asdict(tenant) for tenant in held],
            }
        )
        return
    print_rows(shown, ("name", "state", "pid", "url", "log"), "No services.")
    out.print()
    columns = ("tenant", "shard", "version", "data through", "published", "state")
    print_rows(tenants, columns, "Nothing is published yet: tenure run")
    print_held(held)
