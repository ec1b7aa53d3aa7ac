"""The tenant catalog: which tenant lives in which shard, in which state, with which settings.

Two catalog tables (`table.py`), `catalog/tenants` and `catalog/shards`; the only router in the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from warehouse_models.catalog.names import check_slug
from warehouse_models.catalog.table import COLUMN, CatalogTable
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.policies.policy import check_key, check_setting
from warehouse_models.policies.quotas import DEFAULTS as QUOTAS
from warehouse_models.policies.quotas import check_quota

STATES = ("active", "moving", "sandbox", "suspended")
KINDS = ("pooled", "dedicated")
DEFAULT_SHARD = "pool"


@dataclass(frozen=True)
class Tenant:
    """A tenant as the catalog knows it; `version` counts the changes of its row from 1, the last was at `updated_at`.

    Two are equal whenever they were changed.
    """

    tenant_id: str
    shard: str
    state: str = "active"
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    quotas: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    updated_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ShardEntry:
    """A lake root: pooled for many tenants, or dedicated to one."""

    name: str = field(metadata={COLUMN: "shard"})
    kind: str = "pooled"
    updated_at: datetime | None = field(default=None, compare=False)


class Catalog:
    """Reads and changes the tenants and shards of one lake; every change is one commit."""

    def __init__(self, lake: Lake | None = None) -> None:
        self.lake = lake or Lake()
        self._tenants = CatalogTable(
            self.lake, "tenants", Tenant, thing="tenant", command="tenure tenant", key=("tenant_id",)
        )
        self._shards = CatalogTable(
            self.lake, "shards", ShardEntry, thing="shard", command="tenure shard", key=("name",)
        )

    # -- reading -----------------------------------------------------------------------------------------------------
    def tenants(self, shard: str | None = None) -> list[Tenant]:
        """All tenants by slug; of one shard if given."""
        return [tenant for tenant in self._tenants.read() if shard in (None, tenant.shard)]

    def tenant(self, slug: str) -> Tenant:
        """The tenant called `slug`; TenureError lists those there are."""
        return self._tenants.one(slug)

    def shards(self) -> list[ShardEntry]:
        """All shards by name; the pooled default is there from the first day."""
        return sorted(_with_default(self._shards.read()), key=lambda shard: shard.name)

    def shard(self, name: str) -> ShardEntry:
        """The shard called `name`; TenureError lists those there are."""
        shards = {shard.name: shard for shard in self.shards()}
        if name not in shards:
            why = f"the catalog does not know it (known: {', '.join(shards)})"
            raise TenureError(f"shard {name}", why, "tenure shard add")
        return shards[name]

    # -- changing ----------------------------------------------------------------------------------------------------
    def add_shard(self, name: str, kind: str = "pooled") -> ShardEntry:
        """Add a shard; adding it again with the same kind changes nothing."""
        check_slug("shard", name)
        if kind not in KINDS:
            raise TenureError(f"shard {name}", f"{kind!r} is no kind of shard", f"kinds: {', '.join(KINDS)}")

        def existing(shards: Sequence[ShardEntry]) -> ShardEntry | None:
            same = next((shard for shard in _with_default(shards) if shard.name == name), None)
            if same is not None and same.kind != kind:
                raise TenureError(f"shard {name}", f"it exists as {same.kind}", "choose another name")
            return same

        return self._shards.add(ShardEntry(name, kind, datetime.now(UTC)), existing)

    def add_tenant(
        self,
        slug: str,
        shard: str = DEFAULT_SHARD,
        *,
        name: str = "",
        state: str = "active",
        settings: Mapping[str, Any] | None = None,
    ) -> Tenant:
        """Add a tenant to a shard; adding it again to the same shard changes nothing and returns it as it is."""
        check_slug("tenant", slug)
        _check_state(slug, state)
        lives_in = self.shard(shard)
        checked = {key: check_setting(key, value) for key, value in (settings or {}).items()}
        added = Tenant(slug, shard, state, name or slug, checked, updated_at=datetime.now(UTC))
        return self._tenants.add(added, lambda tenants: _existing(slug, lives_in, tenants))

    def set_tenant(self, slug: str, /, **changes: Any) -> Tenant:
        """Change `state`, `name`, quotas or settings of a tenant; a value of None or "" takes one of these back."""
        return self._tenants.update((slug,), lambda tenant: _changed(tenant, changes))


def _with_default(shards: Sequence[ShardEntry]) -> list[ShardEntry]:
    has_default = any(shard.name == DEFAULT_SHARD for shard in shards)
    return [*shards, *([] if has_default else [ShardEntry(DEFAULT_SHARD)])]


def _existing(slug: str, shard: ShardEntry, tenants: Sequence[Tenant]) -> Tenant | None:
    """The tenant `slug`, if it is in `shard` already. TenureError: a tenant that is there does not let it in."""
    for tenant in tenants:
        if tenant.tenant_id == slug:
            if tenant.shard != shard.name:
                why = f"it exists already, in shard {tenant.shard}"
                raise TenureError(f"tenant {slug}", why, f"tenure tenant move {slug} --shard {shard.name}")
            return tenant
        if tenant.tenant_id.replace("_", "") == slug.replace("_", ""):
            # Folding spellings together once gave three tenants one table (CONNECTORS §4.3, 7).
            why = f"it is spelled almost like {tenant.tenant_id}"
            raise TenureError(f"tenant {slug}", why, "choose a name that nobody can mistake")
        if shard.kind == "dedicated" and tenant.shard == shard.name:
            why = f"shard {shard.name} is dedicated to {tenant.tenant_id}"
            raise TenureError(f"tenant {slug}", why, "tenure shard add another one")
    return None


def _changed(tenant: Tenant, changes: Mapping[str, Any]) -> Tenant:
    """The tenant with some of its values changed. TenureError: a key or a value that cannot be."""
    settings, quotas = dict(tenant.settings), dict(tenant.quotas)
    for key, value in changes.items():
        if key == "state":
            tenant = replace(tenant, state=_check_state(tenant.tenant_id, value))
        elif key == "name":
            tenant = replace(tenant, name=str(value))
        elif key in QUOTAS:
            quotas.pop(key, None)
            if value not in (None, ""):
                quotas[key] = check_quota(key, value)
        elif value in (None, ""):
            check_key(key)
            settings.pop(key, None)
        else:
            settings[key] = check_setting(key, value)
    return replace(tenant, settings=settings, quotas=quotas)


def _check_state(slug: str, state: str) -> str:
    if state not in STATES:
        raise TenureError(f"tenant {slug}", f"{state!r} is no state", f"states: {', '.join(STATES)}")
    return state
