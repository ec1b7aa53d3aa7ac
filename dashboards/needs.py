"""Dashboards about what not every tenant has: `needs: revenue` in a dashboard's file.

    file      roles [executive], needs revenue
      ─▶ push      opened by the role "executive with revenue", not by "executive"
      ─▶ request   a user has that role too while the manifest says that one of its tenants has revenue

So nobody binds or pushes anything when a tenant's first bill is published. Such a role holds no permission: it decides
which dashboards are shown, never whose data (superset/security does). Both environments import this.
"""

from __future__ import annotations

import logging
from pathlib import Path

from serving.connection import Principal
from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.published import replica
from warehouse_models.published.manifest import Manifest

# What a file may need → the key of a tenant's entry in the manifest that holds something where the tenant has it.
NEEDS = {"revenue": "revenue_through"}
_log = logging.getLogger(__name__)


def role_with(role: str, need: str) -> str:
    """Name of the role that opens a dashboard which is for `role` and needs `need`."""
    return f"{role} with {need}"


def met(principal: Principal, published_root: Path | str | None = None) -> list[str]:
    """The needs that at least one published tenant of the principal meets; for all tenants: at least one of all."""
    try:
        manifest = replica.refresh(Path(published_root or home.published_root())) or Manifest.empty()
    except TenureError as error:
        # Roles are asked for in every request, also for pages that show no data: those shall still open.
        _log.warning("%s; dashboards that need something of a tenant are not shown", error)
        return []
    slugs = manifest.tenants.keys() if principal.tenants is None else manifest.tenants.keys() & principal.tenants
    entries = [manifest.tenants[slug] for slug in slugs]
    # An entry of an older release says nothing: shown, as that release did, until the tenant is published again.
    return [need for need, key in NEEDS.items() if any(entry.get("file") and entry.get(key, True) for entry in entries)]
