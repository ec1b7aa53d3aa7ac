"""`tenure up`, `down`, `status`, `doctor`: the services in the background, and what is wrong with them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer
from rich.markup import escape

from orchestration.cli.output import JSON_OPTION, err, out, print_held, print_json, print_rows, step


def register(app: typer.Typer) -> None:
    """Add the commands to the root command."""
    for command in (up, down, status, doctor):
        app.command(command.__name__, rich_help_panel="Run")(command)


def up() -> None:
    """Start Dagster (UI, sensor, schedule), the collector and Superset in the background, on 127.0.0.1 only.

    Ports: TENURE_DAGSTER_PORT (3000), TENURE_COLLECTOR_PORT (8080), TENURE_METRICS_PORT (9464), TENURE_SUPERSET_PORT
    (8088); 0 takes any free one. Starting twice does nothing.
    The first time, Superset gets an operator. Its password is TENURE_OPERATOR_PASSWORD, or a new one, printed once.
    """
    from orchestration.services import services
    from orchestration.services.logins import operator_password
    from warehouse_models import home

    with step("start Dagster"):
        dagster = services.up_dagster(lambda line: err.print(f"  {escape(line)}"))
    with step("start the collector"):
        collector = services.up_collector()
    password, is_new = operator_password()
    with step("start Superset"):
        from dashboards import service

        if is_new:
            service.apply(home.home(), operator_password=password, tell=lambda line: err.print(f"  {escape(line)}"))
        superset = services.up_superset()
    out.print(f"Dagster    {dagster}\nCollector  {collector}   metrics {services.metrics_url()}")
    out.print(f"Superset   {superset}   user operator, password {password}")


def down() -> None:
    """Stop what `tenure up` or `tenure demo` started. Safe to call twice."""
    from orchestration.services import services

    stopped = services.down()
    out.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


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


def doctor(as_json: bool = JSON_OPTION) -> None:
    """Look for what is wrong, and say how to mend it. Exit code 1 where something is."""
    from orchestration.services.doctor import examine

    findings = examine()
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            mark = {"ok": "[green]✓[/]", "note": "[cyan]i[/]", "wrong": "[red]✗[/]"}[finding.state]
            out.print(f"{mark} {finding.thing:<22} {escape(finding.says)}")
            if finding.mend:
                out.print(f"  {'next:':<22} {escape(finding.mend)}")
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)
