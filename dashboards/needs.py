"""Dashboards about what not every tenant has: `needs: revenue` in a dashboard's file.

    file      roles [executive], needs revenue
      ─▶ push      opened by the role "executive with revenue", not by "executive"
      ─▶ request   a user has that role too while the manifest says that one of its tenants has revenue

So nobody binds or pushes anything when a tenant's first bill is published. Such a role holds no permission: it decides
which dashboards are shown, never whose data (superset/security does). Both environments import this.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from serving.principal import Principal
from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.published import replica
from warehouse_models.published.manifest import Manifest
from warehouse_models.published.publication import Publication

# What a file may need → whether a tenant's publication has it.
NEEDS: dict[str, Callable[[Publication], bool]] = {"revenue": lambda publication: publication.has_revenue}
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
    return [need for need, has in NEEDS.items() if any(has(manifest.tenants[slug]) for slug in slugs)]
