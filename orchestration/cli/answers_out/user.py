"""`tenure user`: logins of Superset, bound to tenants."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from orchestration.cli.output import JSON_OPTION, TenureGroup, out, print_json, print_rows, step

group = typer.Typer(cls=TenureGroup, no_args_is_help=True, help="Superset logins, bound to tenants.")


def register(app: typer.Typer) -> None:
    """Add the command group to the root command."""
    app.add_typer(group, name="user", rich_help_panel="Answers out")


@group.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Login name.")],
    tenant: Annotated[list[str], typer.Option(help="A tenant this login may see; repeat for more.")],
    role: Annotated[str, typer.Option(help="executive (dashboards) or analyst (SQL Lab too).")] = "executive",
) -> None:
    """Add a login, or change the tenants and role of one.

    The password comes from TENURE_USER_PASSWORD, and never from the command line, where others could read it. Without
    that variable a new login gets a made-up password, printed once, and an existing login keeps its own.
    """
    from dashboards import administration
    from orchestration.services.logins import new_password
    from warehouse_models import home
    from warehouse_models.catalog.tenants import Catalog
    from warehouse_models.errors import TenureError

    if role not in ("executive", "analyst"):
        raise TenureError(f"role {role}", "a login of a tenant cannot have it", "executive or analyst")
    catalog = Catalog()
    tenants = [catalog.tenant(slug).tenant_id for slug in tenant]
    exists = any(login["name"] == name for login in administration.list_users(home.home()))
    password = os.environ.get("TENURE_USER_PASSWORD") or (None if exists else new_password())
    with step(f"{'change' if exists else 'add'} {name} in Superset"):
        administration.add_user(home.home(), name, tenants, role, password)
    shown = "" if os.environ.get("TENURE_USER_PASSWORD") or not password else f"   password {password} (shown once)"
    out.print(f"user [bold]{name}[/] ({role}) sees {', '.join(tenants)}{shown}")


@group.command("list")
def list_users(as_json: bool = JSON_OPTION) -> None:
    """List logins with role and tenants."""
    from dashboards import administration
    from warehouse_models import home

    rows = [login | {"tenants": ", ".join(login["tenants"])} for login in administration.list_users(home.home())]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ("name", "role", "tenants", "active"), "No logins.")
