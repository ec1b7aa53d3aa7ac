"""The tenant catalog: which tenant lives in which shard, in which state, with which settings.

Two small versioned Delta tables, `catalog/tenants` and `catalog/shards`; the only router in the product. `sources.py`
keeps a third beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import CommitFailedError

from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.policies.policy import check_key, check_setting
from warehouse_models.policies.quotas import DEFAULTS as QUOTAS
from warehouse_models.policies.quotas import check_quota

SLUG = re.compile(r"^[a-z][a-z0-9_]{1,40}$")
STATES = ("active", "moving", "sandbox", "suspended")
KINDS = ("pooled", "dedicated")
DEFAULT_SHARD = "pool"
_ATTEMPTS = 30
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_TENANTS = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("shard", pa.string()),
        ("state", pa.string()),
        ("name", pa.string()),
        ("settings", pa.string()),
        ("quotas", pa.string()),
        ("version", pa.int64()),
        ("updated_at", _TIMESTAMP),
    ]
)
_SHARDS = pa.schema([("shard", pa.string()), ("kind", pa.string()), ("updated_at", _TIMESTAMP)])


@dataclass(frozen=True)
class Tenant:
    """A tenant as the catalog knows it; `version` counts the changes of its row from 1."""

    tenant_id: str
    shard: str
    state: str = "active"
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    quotas: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1


@dataclass(frozen=True)
class Shard:
    """A lake root: pooled for many tenants, or dedicated to one."""

    name: str
    kind: str = "pooled"


class Catalog:
    """Reads and changes the catalog of one lake; every change is one commit, checked against the version it read."""

    def __init__(self, lake: Lake | None = None) -> None:
        self.lake = lake or Lake()

    # -- reading -----------------------------------------------------------------------------------------------------
    def tenants(self, shard: str | None = None) -> list[Tenant]:
        """All tenants by slug; of one shard if given."""
        found = [_tenant(row) for row in self.rows("tenants")]
        return sorted((t for t in found if shard in (None, t.shard)), key=lambda t: t.tenant_id)

    def tenant(self, slug: str) -> Tenant:
        """The tenant called `slug`; TenureError lists the known ones."""
        tenants = {tenant.tenant_id: tenant for tenant in self.tenants()}
        if slug not in tenants:
            known = ", ".join(sorted(tenants)[:20]) or "none yet"
            raise TenureError(f"tenant {slug}", f"the catalog does not know it (known: {known})", "tenure tenant add")
        return tenants[slug]

    def shards(self) -> list[Shard]:
        """All shards by name; the pooled default is there from the first day."""
        found = {row["shard"]: Shard(row["shard"], row["kind"]) for row in self.rows("shards")}
        found.setdefault(DEFAULT_SHARD, Shard(DEFAULT_SHARD))
        return [found[name] for name in sorted(found)]

    def shard(self, name: str) -> Shard:
        """The shard called `name`; TenureError lists the known ones."""
        for shard in self.shards():
            if shard.name == name:
                return shard
        known = ", ".join(shard.name for shard in self.shards())
        raise TenureError(f"shard {name}", f"the catalog does not know it (known: {known})", "tenure shard add")

    # -- changing ----------------------------------------------------------------------------------------------------
    def add_shard(self, name: str, kind: str = "pooled") -> Shard:
        """Add a shard; adding it again with the same kind changes nothing."""
        _check_slug("shard", name)
        if kind not in KINDS:
            raise TenureError(f"shard {name}", f"{kind!r} is no kind of shard", f"kinds: {', '.join(KINDS)}")

        def change(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            known = {row["shard"]: row["kind"] for row in rows} | {DEFAULT_SHARD: "pooled"}
            if known.get(name, kind) != kind:
                raise TenureError(f"shard {name}", f"it exists as {known[name]}", "choose another name")
            if name in known:
                return rows
            return [*rows, {"shard": name, "kind": kind, "updated_at": datetime.now(UTC)}]

        self.change("shards", _SHARDS, change)
        return Shard(name, kind)

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
        _check_slug("tenant", slug)
        _check_state(slug, state)
        kind = self.shard(shard).kind
        checked = {key: check_setting(key, value) for key, value in (settings or {}).items()}
        added = Tenant(slug, shard, state, name or slug, checked)

        def change(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            nonlocal added
            for row in rows:
                if row["tenant_id"] == slug:
                    if row["shard"] != shard:
                        why = f"it exists already, in shard {row['shard']}"
                        raise TenureError(f"tenant {slug}", why, f"tenure tenant move {slug} --shard {shard}")
                    added = _tenant(row)
                    return rows
                if row["tenant_id"].replace("_", "") == slug.replace("_", ""):
                    # Folding spellings together once gave three tenants one table (CONNECTORS §4.3, 7).
                    why = f"it is spelled almost like {row['tenant_id']}"
                    raise TenureError(f"tenant {slug}", why, "choose a name that nobody can mistake")
                if kind == "dedicated" and row["shard"] == shard:
                    why = f"shard {shard} is dedicated to {row['tenant_id']}"
                    raise TenureError(f"tenant {slug}", why, "tenure shard add another one")
            return [*rows, _row(added)]

        self.change("tenants", _TENANTS, change)
        return added

    def set_tenant(self, slug: str, /, **changes: Any) -> Tenant:
        """Change `state`, `name`, quotas or settings of a tenant; a value of None or "" takes one of these back."""
        changed = self.tenant(slug)

        def change(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            nonlocal changed
            before = next(_tenant(row) for row in rows if row["tenant_id"] == slug)
            settings, quotas, after = dict(before.settings), dict(before.quotas), before
            for key, value in changes.items():
                if key == "state":
                    after = replace(after, state=_check_state(slug, value))
                elif key == "name":
                    after = replace(after, name=str(value))
                elif key in QUOTAS:
                    quotas.pop(key, None)
                    if value not in (None, ""):
                        quotas[key] = check_quota(key, value)
                elif value in (None, ""):
                    check_key(key)
                    settings.pop(key, None)
                else:
                    settings[key] = check_setting(key, value)
            after = replace(after, settings=settings, quotas=quotas)
            changed = before if after == before else replace(after, version=before.version + 1)
            return rows if after == before else [_row(changed) if r["tenant_id"] == slug else r for r in rows]

        self.change("tenants", _TENANTS, change)
        return changed

    # -- storage -----------------------------------------------------------------------------------------------------
    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of the catalog table `name`; none where nothing was written yet."""
        return _read(self.lake.open(self.lake.catalog_uri(name)))

    def change(self, name: str, schema: pa.Schema, change: Any) -> None:
        """Read, change, write; a commit that another process won is tried again on its result."""
        uri = self.lake.catalog_uri(name)
        # No retries inside delta-rs: it would commit our rows over a change we have not read.
        once = CommitProperties(max_commit_retries=0)
        for _ in range(_ATTEMPTS):
            table = self.lake.create_at(uri, schema)
            before = _read(table)
            after = change(before)
            if after == before:
                return
            try:
                write_deltalake(
                    table, pa.Table.from_pylist(after, schema=schema), mode="overwrite", commit_properties=once
                )
                return
            except CommitFailedError:
                continue
        raise TenureError("catalog", "other processes keep changing it", "try again")


def _read(table: DeltaTable | None) -> list[dict[str, Any]]:
    """Rows of a small table, read inside delta-rs.

    `to_pyarrow_table()` leaves Arrow threads holding a Python file system; 3 of 10 processes aborted at their exit.
    """
    if table is None:
        return []
    rows: list[dict[str, Any]] = pa.table(QueryBuilder().register("t", table).execute("SELECT * FROM t")).to_pylist()
    return rows


def _check_slug(thing: str, slug: str) -> None:
    if not SLUG.fullmatch(slug) or "__" in slug:
        why = "a name is 2 to 41 of a-z, 0-9 and single _, starting with a letter"
        raise TenureError(f"{thing} {slug!r}", why, f"e.g. {_suggest(slug)}")


def _suggest(slug: str) -> str:
    folded = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]+", "_", slug.lower())).strip("_")[:40]
    return folded if SLUG.fullmatch(folded) else "acme"


def _check_state(slug: str, state: str) -> str:
    if state not in STATES:
        raise TenureError(f"tenant {slug}", f"{state!r} is no state", f"states: {', '.join(STATES)}")
    return state


def _tenant(row: Mapping[str, Any]) -> Tenant:
    return Tenant(
        row["tenant_id"],
        row["shard"],
        row["state"],
        row["name"],
        json.loads(row["settings"]),
        json.loads(row["quotas"]),
        row["version"],
    )


def _row(tenant: Tenant) -> dict[str, Any]:
    return {
        "tenant_id": tenant.tenant_id,
        "shard": tenant.shard,
        "state": tenant.state,
        "name": tenant.name,
        "settings": json.dumps(dict(tenant.settings), sort_keys=True),
        "quotas": json.dumps(dict(tenant.quotas), sort_keys=True),
        "version": tenant.version,
        "updated_at": datetime.now(UTC),
    }
