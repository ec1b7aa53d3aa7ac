"""What a shard's tenants were last published with: the state that fct_restatements compares with.

    build db as it was published ─▶ control.published… (records, policy, months), once a publication

Noted by the run after the publication, before it builds anything: until then the build database holds what was
published, and a crash in between repeats the note. A build database that was lost starts anew: restatements that were
told come back from gold Delta, and what happened between the last publication and the loss is not told apart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import duckdb

from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake.lake import Lake
from warehouse_models.policies import revenue as revenue_policy
from warehouse_models.published.publication import Publication
from warehouse_models.types import of_arrow

_TABLES = """
create table if not exists control.published (
    tenant_id varchar, version bigint, definition varchar, reporting_currency varchar{policy}
);
create table if not exists control.published_months ({months});
create table if not exists control.restatements ({restatements});
"""
# Kept copy → the model whose rows it holds as they are known now: it has the columns of the model's contract.
_RECORDS = {
    "published_subscriptions": "int_subscription_records",
    "published_invoices": "int_invoice_records",
    "published_exchange_rates": "int_rate_records",
    "published_as_of": "int_as_of_records",
}
# But for the basis, which is `now`, and the stretch of a rate, which follows from the day on which it begins.
_OMITTED, _RENAMED = ("basis", "to_date"), {"from_date": "date"}


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables where they are missing."""
    policy = "".join(f", {name} {of_arrow(kind).duckdb}" for name, kind in revenue_policy.VALUES)
    connection.execute(
        _TABLES.format(policy=policy, months=_columns("fct_revenue_monthly"), restatements=_columns("fct_restatements"))
    )
    for table, model in _RECORDS.items():
        columns = ", ".join(f'"{_RENAMED.get(name, name)}" {duckdb_type}' for name, duckdb_type in _kept(model))
        connection.execute(f"create table if not exists control.{table} ({columns})")


def _kept(model: str) -> list[tuple[str, str]]:
    """(name, DuckDB type) of the model's columns that a copy of it holds."""
    columns = gold_models.intermediate_contracts()[model]
    return [(name, duckdb_type) for name, duckdb_type in columns if name not in _OMITTED]


def note(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    shard: str,
    published: Mapping[str, Publication],
    tenants: Collection[str],
) -> None:
    """Note what was published since the last run, and forget who is no tenant of the shard any more.

    `published`: the shard's tenants in the manifest; `tenants`: those in the catalog.
    """
    if not connection.execute("select 1 from control.state where definition is not null").fetchall():
        _recall(connection, lake, shard)
        return
    if not connection.execute("select 1 from duckdb_tables() where table_name = 'int_subscription_records'").fetchall():
        # Built by models that did not keep them: the build that comes now does.
        return
    noted = dict(connection.execute("select tenant_id, version from control.published").fetchall())
    # The version whose figures are served: a held tenant's later ones are copies of it.
    served = {slug: publication.figures_version for slug, publication in published.items()}
    new = {slug: version for slug, version in served.items() if version and version != noted.get(slug)}
    moved = {slug for slug in new if slug not in noted or _has_moved(connection, slug)}
    gone = sorted(set(noted) - set(tenants))
    if not new and not gone:
        return
    connection.execute("begin transaction")
    for table in ("published", "published_months", *_RECORDS):
        connection.execute(
            f"delete from control.{table} where list_contains(?, tenant_id)", [sorted(moved | set(gone))]
        )
    connection.execute("delete from control.restatements where list_contains(?, tenant_id)", [gone])
    if moved:
        _copy(connection, sorted(moved))
    for slug, version in new.items():
        connection.execute("update control.published set version = ? where tenant_id = ?", [version, slug])
    connection.execute("commit")


def _copy(connection: duckdb.DuckDBPyConnection, tenants: list[str]) -> None:
    for table, model in _RECORDS.items():
        columns = ", ".join(f'"{name}" as "{_RENAMED.get(name, name)}"' for name, _ in _kept(model))
        connection.execute(
            f"insert into control.{table} by name select {columns} from intermediate.{model}"
            " where basis = 'now' and list_contains(?, tenant_id)",
            [tenants],
        )
    connection.execute(
        "insert into control.published_months by name select * from marts.fct_revenue_monthly"
        " where list_contains(?, tenant_id)",
        [tenants],
    )
    values = ", ".join(f"own.{name}" for name, _ in revenue_policy.VALUES)
    # Policy and setting as this very build used them: its control tables stand until the next one is prepared.
    connection.execute(
        f"insert into control.published "
        f"select own.tenant_id, 0, state.definition, settings.reporting_currency, {values} "
        "from control.revenue_profiles as own join control.settings as settings using (tenant_id), control.state "
        "where own.profile = 'default' and list_contains(?, own.tenant_id)",
        [tenants],
    )
    connection.execute(
        "insert into control.restatements by name select * from marts.fct_restatements as told "
        "where list_contains(?, tenant_id) and not exists (select 1 from control.restatements as kept "
        "where kept.tenant_id = told.tenant_id and kept.restated_version = told.restated_version)",
        [tenants],
    )


def _recall(connection: duckdb.DuckDBPyConnection, lake: Lake, shard: str) -> None:
    """Into an empty build database: the restatements that gold Delta holds."""
    tables, address = lake.shard(shard), "gold/fct_restatements"
    table = tables.table(address)
    if table is None or connection.execute("select 1 from control.restatements limit 1").fetchall():
        return
    scan = tables.scan(address, table.version())
    connection.execute(f"insert into control.restatements by name select * from {scan}")


def _has_moved(connection: duckdb.DuckDBPyConnection, slug: str) -> bool:
    """Whether any revenue of the tenant was built since it was noted last."""
    sql = "select 1 from control.changes where tenant_id = ? and scope = 'int_touched_revenue' limit 1"
    return bool(connection.execute(sql, [slug]).fetchall())


def _columns(mart: str) -> str:
    columns = gold_models.marts()[mart].spec.columns
    return ", ".join(f'"{column.name}" {column.duckdb_type}' for column in columns)
