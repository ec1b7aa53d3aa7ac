"""Prepares a build database for one dbt run: schema `control` (control.sql), and silver pinned to a version a table.

    Plan ─▶ control.touched …    silver tables ─▶ views silver_<domain>.<table>

Everything dbt reads stands in the build database before dbt starts, and the marker of what was consumed moves in dbt's
own on-run-end hook (`dbt_project/macros/control/record_success.sql`), so a crash anywhere repeats the same work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.gold import history as gold_history
from orchestration.gold.plan import BEGINNING, END, POLICIES, Plan
from warehouse_models.catalog.tenants import Tenant
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake.shard import Shard
from warehouse_models.policies import revenue as revenue_policy
from warehouse_models.policies.currencies import currencies
from warehouse_models.policies.policy import settings_hash, settings_tables
from warehouse_models.specs import spec

SCHEMA = Path(__file__).with_name("control.sql")
_TYPES = {"int64": "bigint", "bool": "boolean"}


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that are kept from run to run where they are missing."""
    connection.execute("create schema if not exists control;" + _schema()[0])
    gold_history.create(connection)


def prepare(
    connection: duckdb.DuckDBPyConnection,
    tables: Shard,
    tenants: list[Tenant],
    plan: Plan,
    *,
    publications: list[dict[str, Any]],
    audit_whole: Iterable[str],
) -> None:
    """Write the plan into schema `control` and pin silver; one transaction.

    `publications`: rows of control.publications; `audit_whole`: tenants whose every row is tested.
    """
    connection.execute("begin transaction")
    if not connection.execute("select count(*) from control.state").fetchall()[0][0]:
        connection.execute("insert into control.state values (null)")
    connection.execute(_schema()[1])
    _write_plan(connection, plan, audit_whole)
    _write_settings(connection, tenants)
    _insert(connection, "currencies", [(c.code, c.name, c.digits) for c in currencies().values()])
    _insert(connection, "publications", [tuple(row.values()) for row in publications])
    for address in gold_models.silver_inputs():
        connection.execute(_view(tables, address, plan.versions.get(address)))
    connection.execute("commit")


def _schema() -> tuple[str, str]:
    """control.sql in its two parts: the tables that are kept from run to run, and those of a run alone."""
    _, kept, of_a_run = re.split(r"^-- ## .*$", SCHEMA.read_text(encoding="utf-8"), flags=re.MULTILINE)
    values = ", ".join(f"{name} {_TYPES[str(kind)]}" for name, kind in revenue_policy.VALUES)
    return kept, of_a_run.format(revenue_values=values)


def _write_plan(connection: duckdb.DuckDBPyConnection, plan: Plan, audit_whole: Iterable[str]) -> None:
    _insert(connection, "run", [(plan.run, plan.definition, plan.has_revenue)])
    _insert(connection, "versions", sorted(plan.versions.items()))
    _insert(connection, "touched", [(t, first, last) for t, ranges in plan.ranges.items() for first, last in ranges])
    _insert(connection, "touched_tenants", [(tenant,) for tenant in sorted(plan.tenants)])
    _insert(connection, "touched_revenue", [(tenant,) for tenant in sorted(plan.revenue)])
    audited = [(tenant, first, last) for tenant, ranges in plan.audited.items() for first, last in ranges]
    _insert(connection, "audit_extra", audited + [(tenant, BEGINNING, END) for tenant in sorted(audit_whole)])


def _write_settings(connection: duckdb.DuckDBPyConnection, tenants: list[Tenant]) -> None:
    tables = settings_tables((tenant.tenant_id, tenant.settings) for tenant in tenants)
    prints = [settings_hash(tenant.settings, POLICIES) for tenant in tenants]
    fingerprints = pa.table(
        {
            "tenant_id": pa.array([tenant.tenant_id for tenant in tenants], pa.string()),
            "fingerprint": pa.array(prints, pa.string()),
        }
    )
    connection.register("prepared_settings", tables["settings"])
    connection.register("prepared_fingerprints", fingerprints)
    connection.execute(
        "insert into control.settings "
        "select tenant_id, trend_min_events, reporting_currency, fingerprint "
        "from prepared_settings join prepared_fingerprints using (tenant_id)"
    )
    for name in ("plan_features", "revenue_profiles"):
        connection.register("prepared", tables[name])
        connection.execute(f"insert into control.{name} by name select * from prepared")


def _view(tables: Shard, address: str, version: int | None) -> str:
    _, domain, name = address.split("/")
    columns = spec(address).columns
    if version is None:
        body = ", ".join(f'null::{column.duckdb_type} as "{column.name}"' for column in columns)
        body = f"select {body} where false"
    else:
        names = ", ".join(f'"{column.name}"' for column in columns)
        body = f"select {names} from {tables.scan(address, version)}"
    return f"create schema if not exists silver_{domain}; create or replace view silver_{domain}.{name} as {body}"


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"insert into control.{table} values ({marks})", rows)
