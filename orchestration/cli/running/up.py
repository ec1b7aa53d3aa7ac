"""`tenure up` and `tenure down`: the services in the background."""

from __future__ import annotations

import typer
from rich.markup import escape

from orchestration.cli.output import err, out, step


def register(app: typer.Typer) -> None:
    """Add the commands to the root command."""
    for command in (up, down):
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
        from dashboards import administration

        if is_new:
            administration.apply(
                home.home(), operator_password=password, tell=lambda line: err.print(f"  {escape(line)}")
            )
        superset = services.up_superset()
    out.print(f"Dagster    {dagster}\nCollector  {collector}   metrics {services.metrics_url()}")
    out.print(f"Superset   {superset}   user operator, password {password}")


def down() -> None:
    """Stop what `tenure up` or `tenure demo` started. Safe to call twice."""
    from orchestration.services import services

    stopped = services.down()
    out.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
