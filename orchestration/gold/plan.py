"""What one run of gold has to do: what moved since the last one, and for whom.

Delta trails since the consumed versions, settings, definition ─▶ Plan ─▶ control.py writes it for dbt
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date

import duckdb

from warehouse_models.catalog.tenants import Tenant
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake.shard import Shard
from warehouse_models.lake.slices import Slices, runs, union
from warehouse_models.lake.trail import read_trail
from warehouse_models.policies.policy import settings_hash

BEGINNING, END = date(1900, 1, 1), date(2999, 12, 31)
# Policy values that models read through schema control; all others reach gold by way of silver.
POLICIES = ("trend_min_events", "plan_features", "reporting_currency", "revenue_profiles")
# Inputs whose slices are days of use; of the others, only whose they are matters here: what moved is found by
# comparing with control.seen_*.
_DATED = ("silver/product/usage_daily", "silver/product/sessions")

Ranges = dict[str, list[tuple[date, date]]]


@dataclass
class Plan:
    """What one run has to do.

    `definition`: the hash of the models it runs. `reason`: why every table is made anew (first run, changed definition,
    lost trail), else empty. `ranges`: tenant → touched ranges of days; `tenants`: everybody of whom anything moved,
    `revenue`: of whom billing did; `versions`: silver address → pinned version (absent tables missing); `audited`:
    tenant → ranges that the tests look at besides.
    """

    run: int
    definition: str
    reason: str = ""
    ranges: Ranges = field(default_factory=dict)
    tenants: set[str] = field(default_factory=set)
    revenue: set[str] = field(default_factory=set)
    versions: dict[str, int] = field(default_factory=dict)
    audited: Ranges = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Whether every table is made anew."""
        return bool(self.reason)

    @property
    def has_revenue(self) -> bool:
        """Whether the models of revenue have anything to do."""
        return self.full or bool(self.revenue)

    @property
    def is_empty(self) -> bool:
        """Whether nothing moved, or there is nobody."""
        return not self.tenants


def definition() -> str:
    """Hash of what decides the content of gold but data and policies: models, macros, contracts' columns."""
    digest = hashlib.sha256()
    project = gold_models.PROJECT
    # Generic tests are macros too, but they decide what is published and not what is built.
    macros = [path for path in (project / "macros").rglob("*.sql") if "tests" not in path.relative_to(project).parts]
    for path in sorted([*(project / "models").rglob("*.sql"), *macros, project / "dbt_project.yml"]):
        digest.update(path.name.encode() + path.read_bytes())
    for mart in gold_models.marts().values():
        contract = [(column.name, column.type) for column in mart.spec.columns]
        digest.update(json.dumps([mart.name, contract, mart.slices, mart.slice_unit, mart.spec.slice_column]).encode())
    return digest.hexdigest()[:16]


def plan(
    connection: duckdb.DuckDBPyConnection,
    tables: Shard,
    tenants: list[Tenant],
    *,
    run: int,
    full_refresh: bool = False,
    only: Iterable[str] | None = None,
) -> Plan:
    """Compare silver with what the build database consumed; `only` narrows a full refresh to these tenants."""
    work = Plan(run, definition())
    consumed = dict(connection.execute("select address, version from control.consumed").fetchall())
    work.reason = _reason_before_silver(connection, work.definition, consumed, full_refresh and only is None)
    slices = _slices_since(work, tables, consumed)
    _touch(work, slices, {tenant.tenant_id for tenant in tenants})
    _touch_whole(work, _whole_tenants(connection, tenants, work, set(only or ()) if full_refresh else set()))
    return work


def _reason_before_silver(
    connection: duckdb.DuckDBPyConnection, definition_now: str, consumed: dict[str, int], asked_for: bool
) -> str:
    """Why everything is made anew whatever moved in silver; empty: there is no such reason."""
    state = connection.execute("select definition from control.state").fetchone()
    if not consumed and state is None:
        return "first run"
    if state is None or state[0] != definition_now:
        return "definition changed"
    return "asked for" if asked_for else ""


def _slices_since(work: Plan, tables: Shard, consumed: dict[str, int]) -> dict[str, Slices]:
    """Pin silver, and find what moved in it: address → slices. A trail that is lost is a reason to make all anew."""
    slices: dict[str, Slices] = {}
    for address in gold_models.silver_inputs():
        table = tables.table(address)
        if table is None:
            continue
        work.versions[address] = table.version()
        if work.full:
            continue
        if address not in consumed:
            # It did not exist at the last run: everybody in it is new there.
            slices[address] = {partition["tenant_id"]: None for partition in table.partitions()}
            continue
        trail = read_trail(table, consumed[address])
        if trail.full:
            work.reason = f"the trail of {address} since version {consumed[address]} is lost"
        else:
            slices[address] = trail.slices
    if not work.full and set(consumed) - set(work.versions):
        work.reason = "a silver table is gone"
    return slices


def _touch(work: Plan, slices: dict[str, Slices], catalog: Collection[str]) -> None:
    """Write into the plan what moved of the tenants in the catalog."""
    for address, moved in slices.items():
        work.tenants |= set(moved) & set(catalog)
        if address.startswith("silver/billing/"):
            work.revenue |= set(moved) & set(catalog)
        if address in _DATED:
            continue
        for tenant, dates in moved.items():
            if dates is not None:
                work.audited.setdefault(tenant, []).extend(runs(dates))
    # One union over the inputs: the ranges of a tenant never overlap, so no row of silver is read twice.
    for tenant, dates in union(slices[address] for address in _DATED if address in slices).items():
        if tenant in catalog:
            work.ranges[tenant] = [(BEGINNING, END)] if dates is None else runs(dates)


def _whole_tenants(
    connection: duckdb.DuckDBPyConnection, tenants: list[Tenant], work: Plan, asked_for: set[str]
) -> set[str]:
    """Tenants of whom all is made anew: asked for, with another policy than at the last run, or gone since."""
    rows = connection.execute("select tenant_id, fingerprint from control.consumed_settings").fetchall()
    fingerprints, catalog = dict(rows), {tenant.tenant_id for tenant in tenants}
    if work.full:
        return catalog | set(fingerprints)
    moved = {t.tenant_id for t in tenants if fingerprints.get(t.tenant_id) != settings_hash(t.settings, POLICIES)}
    return (asked_for & catalog) | moved | (set(fingerprints) - catalog)


def _touch_whole(work: Plan, tenants: set[str]) -> None:
    work.tenants |= tenants
    work.revenue |= tenants
    work.ranges |= {tenant: [(BEGINNING, END)] for tenant in tenants}
