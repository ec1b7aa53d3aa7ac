"""Prepares a build database for one dbt run: what moved, for whom, and silver pinned to one version a table.

    Delta trails since the consumed versions ─▶ control.touched …    silver tables ─▶ views silver_<domain>.<table>

Everything dbt reads stands in the build database before dbt starts, and the marker of what was consumed moves in dbt's
own on-run-end hook (`dbt_project/macros/control.sql`), so a crash anywhere repeats the same work.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.gold import history as gold_history
from warehouse_models.catalog.tenants import Tenant
from warehouse_models.dbt import marts as gold_models
from warehouse_models.dbt.sources import DUCKDB_TYPES
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.slices import Slices, runs, union
from warehouse_models.lake.trail import read_trail
from warehouse_models.policies.currencies import currencies
from warehouse_models.policies.policy import settings_hash, settings_tables
from warehouse_models.specs import spec

BEGINNING, END = date(1900, 1, 1), date(2999, 12, 31)
# Policy values that models read through schema control; all others reach gold by way of silver.
POLICIES = ("trend_min_events", "plan_features", "reporting_currency", "revenue_profiles")
# Inputs whose slices are days of use; of the others, only whose they are matters here: what moved is found by
# comparing with control.seen_*.
_DATED = ("silver/product/usage_daily", "silver/product/sessions")

_TABLES = """
create schema if not exists control;
create table if not exists control.state (definition varchar);
create or replace table control.run (run bigint, definition varchar, has_revenue boolean);
create table if not exists control.currencies (code varchar, name varchar, digits bigint);
create table if not exists control.touched (tenant_id varchar, from_date date, to_date date);
create table if not exists control.touched_tenants (tenant_id varchar);
create table if not exists control.touched_revenue (tenant_id varchar);
create table if not exists control.versions (address varchar, version bigint);
create table if not exists control.consumed (address varchar, version bigint);
create table if not exists control.consumed_settings (tenant_id varchar, fingerprint varchar);
create table if not exists control.seen_tenants (tenant_id varchar, first_event_date date, data_through date);
create table if not exists control.seen_features (tenant_id varchar, feature varchar, first_used_date date);
create table if not exists control.seen_accounts (
    tenant_id varchar, account_id varchar, first_event_date date, start_date date
);
create table if not exists control.seen_seats (
    tenant_id varchar, account_id varchar, from_date date, to_date date, licensed_seats bigint
);
create table if not exists control.seen_mrr_days (
    tenant_id varchar, account_id varchar, currency varchar, from_date date, to_date date, mrr_minor bigint,
    mrr_reporting_minor bigint
);
create table if not exists control.changes (
    run bigint, tenant_id varchar, scope varchar, from_date date, to_date date
);
create or replace table control.publications (
    tenant_id varchar, published_version bigint, published_at timestamptz, checks_failed bigint, is_held boolean,
    held_reason varchar, event_lag_seconds bigint
);
create table if not exists control.audit_extra (tenant_id varchar, from_date date, to_date date);
create table if not exists control.audit_scope (tenant_id varchar, from_date date, to_date date);
"""


@dataclass
class Plan:
    """What one run has to do.

    `full`: every table anew (first run, changed definition, lost trail). `ranges`: tenant → touched ranges of days;
    `tenants`: everybody of whom anything moved, `revenue`: of whom billing did; `versions`: silver address → pinned
    version (absent tables missing).
    """

    full: bool
    reason: str
    run: int
    ranges: dict[str, list[tuple[date, date]]] = field(default_factory=dict)
    tenants: set[str] = field(default_factory=set)
    revenue: set[str] = field(default_factory=set)
    versions: dict[str, int] = field(default_factory=dict)
    audited: dict[str, list[tuple[date, date]]] = field(default_factory=dict)

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
    paths = [*(project / "models").rglob("*.sql"), *(project / "macros").glob("*.sql"), project / "dbt_project.yml"]
    for path in sorted(paths):
        digest.update(path.name.encode() + path.read_bytes())
    for mart in gold_models.marts().values():
        contract = [(column.name, column.type) for column in mart.spec.columns]
        digest.update(json.dumps([mart.name, contract, mart.slices, mart.slice_unit, mart.spec.slice_column]).encode())
    return digest.hexdigest()[:16]


def plan(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    shard: str,
    tenants: list[Tenant],
    *,
    run: int,
    full_refresh: bool = False,
    only: Iterable[str] | None = None,
) -> Plan:
    """Compare silver with what the build database consumed; `only` narrows a full refresh to these tenants."""
    connection.execute(_TABLES)
    gold_history.create(connection)
    consumed = dict(connection.execute("select address, version from control.consumed").fetchall())
    told = connection.execute("select definition from control.state").fetchone()
    made = Plan(full=False, reason="", run=run)
    dated: list[Slices] = []
    if not consumed and told is None:
        made.full, made.reason = True, "first run"
    elif told is None or told[0] != definition():
        made.full, made.reason = True, "definition changed"
    elif full_refresh and only is None:
        made.full, made.reason = True, "asked for"

    for address in gold_models.silver_inputs():
        table = lake.table(address, shard)
        if table is None:
            continue
        made.versions[address] = table.version()
        if made.full:
            continue
        if address not in consumed:
            # It did not exist at the last run: everybody in it is new there.
            slices: Any = {partition["tenant_id"]: None for partition in table.partitions()}
        else:
            trail = read_trail(table, consumed[address])
            if trail.full:
                made.full, made.reason = True, f"the trail of {address} since version {consumed[address]} is lost"
                continue
            slices = trail.slices
        for tenant, dates in slices.items():
            made.tenants.add(tenant)
            if address.startswith("silver/billing/"):
                made.revenue.add(tenant)
            if address in _DATED:
                dated.append({tenant: dates})
            elif dates is not None:
                made.audited.setdefault(tenant, []).extend(runs(dates))
    if not made.full and set(consumed) - set(made.versions):
        made.full, made.reason = True, "a silver table is gone"

    known = {tenant.tenant_id for tenant in tenants}
    whole = set(only or ()) & known if full_refresh else set()
    fingerprints = dict(connection.execute("select tenant_id, fingerprint from control.consumed_settings").fetchall())
    whole |= {t.tenant_id for t in tenants if fingerprints.get(t.tenant_id) != settings_hash(t.settings, POLICIES)}
    whole |= set(fingerprints) - known
    if made.full:
        whole = known | set(fingerprints)
    # One union over the inputs: the ranges of a tenant never overlap, so no row of silver is read twice.
    made.ranges = {
        tenant: [(BEGINNING, END)] if dates is None else runs(dates)
        for tenant, dates in union(dated).items()
        if tenant in known
    }
    made.tenants = (made.tenants & known) | whole
    made.revenue = (made.revenue & known) | whole
    for tenant in whole:
        made.ranges[tenant] = [(BEGINNING, END)]
    return made


def prepare(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    shard: str,
    tenants: list[Tenant],
    made: Plan,
    *,
    publications: list[dict[str, Any]],
    audit_whole: Iterable[str],
) -> None:
    """Write the plan into schema `control` and pin silver; one transaction.

    `publications`: rows of control.publications; `audit_whole`: tenants whose every row is tested.
    """
    tables = settings_tables((tenant.tenant_id, tenant.settings) for tenant in tenants)
    fingerprints = pa.table(
        {
            "tenant_id": pa.array([tenant.tenant_id for tenant in tenants], pa.string()),
            "fingerprint": pa.array([settings_hash(tenant.settings, POLICIES) for tenant in tenants], pa.string()),
        }
    )
    ranges = [(tenant, first, last) for tenant, found in made.ranges.items() for first, last in found]
    audited = [(tenant, first, last) for tenant, found in made.audited.items() for first, last in found]
    audited += [(tenant, BEGINNING, END) for tenant in sorted(audit_whole)]
    connection.execute("begin transaction")
    connection.execute("delete from control.run")
    connection.execute("insert into control.run values (?, ?, ?)", [made.run, definition(), made.has_revenue])
    if not connection.execute("select count(*) from control.state").fetchall()[0][0]:
        connection.execute("insert into control.state values (null)")
    connection.register("prepared_settings", tables["settings"])
    connection.register("prepared_fingerprints", fingerprints)
    connection.execute(
        "create or replace table control.settings as "
        "select tenant_id, trend_min_events, reporting_currency, fingerprint "
        "from prepared_settings join prepared_fingerprints using (tenant_id)"
    )
    for name, rows in (("plan_features", tables["plan_features"]), ("revenue_profiles", tables["revenue_profiles"])):
        connection.register("prepared", rows)
        connection.execute(f"create or replace table control.{name} as select * from prepared")
    _fill(connection, "currencies", [(c.code, c.name, c.digits) for c in currencies().values()])
    _fill(connection, "touched", ranges)
    _fill(connection, "touched_tenants", [(tenant,) for tenant in sorted(made.tenants)])
    _fill(connection, "touched_revenue", [(tenant,) for tenant in sorted(made.revenue)])
    _fill(connection, "versions", sorted(made.versions.items()))
    _fill(connection, "audit_extra", audited)
    _fill(connection, "publications", [tuple(row.values()) for row in publications])
    for address in gold_models.silver_inputs():
        connection.execute(_view(lake, shard, address, made.versions.get(address)))
    connection.execute("commit")


def _view(lake: Lake, shard: str, address: str, version: int | None) -> str:
    _, domain, name = address.split("/")
    columns = spec(address).columns
    if version is None:
        body = ", ".join(f'null::{DUCKDB_TYPES[column.type]} as "{column.name}"' for column in columns)
        body = f"select {body} where false"
    else:
        uri = lake.table_uri(address, shard).replace("'", "''")
        names = ", ".join(f'"{column.name}"' for column in columns)
        body = f"select {names} from delta_scan('{uri}', version := {version})"
    return f"create schema if not exists silver_{domain}; create or replace view silver_{domain}.{name} as {body}"


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    connection.execute(f"delete from control.{table}")
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"insert into control.{table} values ({marks})", rows)
