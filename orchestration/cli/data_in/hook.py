"""`tenure hook`: which systems may deliver webhooks to the collector, and where the secrets stand that sign them."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from connectors.systems.discovery import secret_makers, webhook_systems
from orchestration.cli.output import JSON_OPTION, TenureGroup, out, print_json, print_rows
from warehouse_models.catalog.rotation import OLD_VALUE_COUNTS_FOR

if TYPE_CHECKING:
    from warehouse_models.catalog.hooks import Hook

group = typer.Typer(cls=TenureGroup, no_args_is_help=True, help="Webhooks that vendors deliver to the collector.")

TENANT = typer.Option(help="Whose webhook it is.")
NAME = typer.Option(help="Name of the webhook. Default of `add`: the name of its system.")
SECRET_ENV = typer.Option(metavar="NAME", help="Environment variable of the collector that holds the signing secret.")
SECRET_FILE = typer.Option(metavar="FILE", help="File on the collector's host that holds the signing secret.")


def register(app: typer.Typer) -> None:
    """Add the command group to the root command."""
    app.add_typer(group, name="hook", rich_help_panel="Data in")


@group.command("add")
def add(
    tenant: Annotated[str, TENANT],
    system: Annotated[str, typer.Option(help=f"Who delivers: {', '.join(webhook_systems())}.")],
    name: Annotated[str, NAME] = "",
    secret_env: Annotated[str, SECRET_ENV] = "",
    secret_file: Annotated[Path | None, SECRET_FILE] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Add a webhook and print the path to give to the vendor.

    The catalog keeps where the signing secret is, never the secret itself. Without --secret-env and --secret-file the
    system decides where it comes from: Tenure makes it and shows it once, a handshake brings it, or the vendor shows it
    and you enter it with `tenure hook secret`. The command prints which.
    """
    from warehouse_models.catalog.hooks import Hooks
    from warehouse_models.catalog.tenants import Catalog

    added, made_secret = Hooks(Catalog(), secret_makers()).add(
        tenant, system, name, _reference(secret_env, secret_file)
    )
    _print(added, made_secret, as_json)


@group.command("list")
def list_hooks(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's; default: all.")] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """List webhooks with their state and path; --json also says where their secrets are kept."""
    from warehouse_models.catalog.hooks import Hooks
    from warehouse_models.catalog.tenants import Catalog

    catalog = Catalog()
    if tenant is not None:
        catalog.tenant(tenant)
    rows = [_row(webhook) for webhook in Hooks(catalog, secret_makers()).all(tenant)]
    if as_json:
        print_json(rows)
    else:
        # The path names tenant and system, and has to be read whole; the rest is in --json.
        columns = ("name", "state", "path", "old_secret_until")
        print_rows(rows, columns, "No webhooks yet. Add one: tenure hook add")


@group.command("secret")
def secret(tenant: Annotated[str, TENANT], name: Annotated[str, NAME], as_json: bool = JSON_OPTION) -> None:
    """Enter the secret that the vendor shows, typed or piped in. It is kept in a file below TENURE_HOME/secrets."""
    from connectors.collector.webhooks.signatures import check_secret
    from warehouse_models.catalog.hooks import Hooks
    from warehouse_models.catalog.tenants import Catalog

    typed = typer.prompt("secret", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
    _print(Hooks(Catalog(), secret_makers()).tell_secret(tenant, name, str(typed).strip(), check_secret), None, as_json)


@group.command("rotate")
def rotate(
    tenant: Annotated[str, TENANT],
    name: Annotated[str, NAME],
    secret_env: Annotated[str, SECRET_ENV] = "",
    secret_file: Annotated[Path | None, SECRET_FILE] = None,
    grace_hours: Annotated[
        float, typer.Option(min=0, help="How many hours the old secret still counts; 0: not at all.")
    ] = OLD_VALUE_COUNTS_FOR // timedelta(hours=1),
    as_json: bool = JSON_OPTION,
) -> None:
    """Give a webhook a new secret. Its path stays. A revoked webhook becomes active again, with the new secret only.

    Where a handshake brings the secret (Asana), Tenure waits for another one: create the webhook there once more, with
    the same path.
    """
    from warehouse_models.catalog.hooks import Hooks
    from warehouse_models.catalog.tenants import Catalog

    reference = _reference(secret_env, secret_file)
    rotated, made_secret = Hooks(Catalog(), secret_makers()).rotate(
        tenant, name, reference, grace=timedelta(hours=grace_hours)
    )
    _print(rotated, made_secret, as_json)


@group.command("revoke")
def revoke(tenant: Annotated[str, TENANT], name: Annotated[str, NAME], as_json: bool = JSON_OPTION) -> None:
    """Stop a webhook. A running collector refuses its deliveries within seconds."""
    from warehouse_models.catalog.hooks import Hooks
    from warehouse_models.catalog.tenants import Catalog

    _print(Hooks(Catalog(), secret_makers()).revoke(tenant, name), None, as_json)


def _reference(variable: str, file: Path | None) -> str | None:
    from warehouse_models.catalog.secrets import env_reference, file_reference
    from warehouse_models.errors import TenureError

    if variable and file is not None:
        raise TenureError("the secret", "it cannot stand in two places", "--secret-env or --secret-file")
    if variable:
        return env_reference(variable)
    return None if file is None else file_reference(file)


def _row(webhook: Hook) -> dict[str, object]:
    return {
        "tenant": webhook.tenant_id,
        "name": webhook.name,
        "system": webhook.system,
        "state": webhook.state,
        "path": webhook.path,
        "secret": webhook.secret_ref,
        "old_secret": webhook.old_secret_ref,
        "old_secret_until": webhook.old_secret_until,
        "version": webhook.version,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }


def _print(webhook: Hook, made_secret: str | None, as_json: bool) -> None:
    from warehouse_models.catalog.hooks import ACTIVE, AWAITING
    from warehouse_models.catalog.secrets import SecretUnreadable, read_secret

    if as_json:
        print_json(_row(webhook) | ({"signing_secret": made_secret} if made_secret else {}))
        return
    public = os.environ.get("TENURE_PUBLIC_URL", "").rstrip("/")
    out.print(f"webhook [bold]{escape(webhook.name)}[/] of tenant {webhook.tenant_id}: {webhook.state}")
    out.print(f"  {'URL' if public else 'path'}  {escape(public + webhook.path)}   (give it to {webhook.system})")
    if made_secret:
        out.print(f"  secret {made_secret}   (shown once; enter it at {webhook.system})")
    if webhook.state == AWAITING:
        out.print("  its secret comes with the handshake, when the webhook is established")
    elif webhook.state == ACTIVE and webhook.secret_ref is not None:
        try:
            read_secret(webhook.secret_ref)
        except SecretUnreadable as error:
            out.print(f"  [yellow]![/] {escape(error.what)}: {escape(error.why)}; until then deliveries get 503")
            if webhook.secret_ref.startswith("file:") and not webhook.secret_ref.startswith("file:/"):
                out.print(f"    tenure hook secret --tenant {webhook.tenant_id} --name {escape(webhook.name)!r}")
    if webhook.old_secret_until is not None and webhook.state != "revoked":
        out.print(f"  the old secret counts until {webhook.old_secret_until:%Y-%m-%d %H:%M} UTC")
