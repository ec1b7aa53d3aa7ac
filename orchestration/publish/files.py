"""The files of a publication: one DuckDB file a tenant, and one over all tenants.

Both hold schema `marts` with the same relations. A tenant's file holds the tables' rows, and the marts over silver as
views pinned to a version; the file over all tenants holds views over gold and silver Delta at pinned versions.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from warehouse_models.dbt import marts as gold_models
from warehouse_models.dbt.sources import DUCKDB_TYPES
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.slices import Slices, predicate
from warehouse_models.spec import Column
from warehouse_models.specs import spec

# 64 KiB blocks keep twenty small tables at 5 MB; DuckDB's default takes 8 MB (STACK).
_BLOCK_SIZE = 65_536
_SOURCE = re.compile(r"\{\{\s*source\('silver_(\w+)',\s*'(\w+)'\)\s*\}\}")


def literal(value: Any) -> str:
    """A SQL literal of a text, time, number, boolean or null."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return f"timestamptz '{value.isoformat()}'"
    return "'" + str(value).replace("'", "''") + "'"


def contracts_hash() -> str:
    """Hash of every mart's columns: a held file that was written under others is copied into these."""
    contracts = [
        [name, mart.is_view, [(column.name, column.type) for column in mart.spec.columns]]
        for name, mart in gold_models.marts().items()
    ]
    return hashlib.sha256(json.dumps(contracts).encode()).hexdigest()[:16]


def columns_of(mart: str) -> str:
    """The columns of a mart's contract in its order and types, for a SELECT."""
    columns = gold_models.marts()[mart].spec.columns
    return ", ".join(f'"{column.name}"::{DUCKDB_TYPES[column.type]} as "{column.name}"' for column in columns)


def write_tenant_file(
    build: duckdb.DuckDBPyConnection,
    path: Path,
    tenant: str,
    trust: Mapping[str, Any],
    lake: Lake,
    shard: str,
    silver: Mapping[str, int],
) -> None:
    """Write a tenant's marts out of the build database to `path`, by a temporary name.

    `trust` overrides columns of the tenant's row of `trust`; `silver` are the versions its views are pinned to.
    """
    with _written(build, path) as alias:
        for name, mart in gold_models.marts().items():
            if mart.is_view:
                view = silver_view(name, lake, {shard: [(dict(silver), f"tenant_id = {literal(tenant)}")]})
                build.execute(f"create view {alias}.marts.{name} as {view}")
            else:
                rows = _rows(name, trust, f"tenant_id = {literal(tenant)}")
                build.execute(f"create table {alias}.marts.{name} as {rows}")


def patch_tenant_file(
    build: duckdb.DuckDBPyConnection,
    source: Path,
    path: Path,
    tenant: str,
    trust: Mapping[str, Any],
    slices: Mapping[str, Slices],
    lake: Lake,
    shard: str,
    silver: Mapping[str, int],
) -> None:
    """Write the same file as `write_tenant_file`, as a copy of `source` in which only `slices` (by mart) are replaced.

    `source` is an earlier file of the tenant with the columns of today's contracts. A day more costs what the day
    holds, not what the history does.
    """
    with _written(build, path, source) as alias:
        for name, mart in gold_models.marts().items():
            if mart.is_view:
                view = silver_view(name, lake, {shard: [(dict(silver), f"tenant_id = {literal(tenant)}")]})
                build.execute(f"create or replace view {alias}.marts.{name} as {view}")
                continue
            moved: Slices = {tenant: None} if name == "trust" else slices[name]
            if moved:
                where = predicate(moved, mart.spec.slice_column)
                build.execute(f"delete from {alias}.marts.{name} where {where}")
                build.execute(f"insert into {alias}.marts.{name} {_rows(name, trust, where)}")


def _rows(name: str, trust: Mapping[str, Any], where: str) -> str:
    """SELECT of a mart's rows out of the build database, in its order; the row of `trust` says what `trust` says."""
    spec_ = gold_models.marts()[name].spec
    changed = ""
    if name == "trust":
        changed = " replace (" + ", ".join(f'{literal(value)} as "{key}"' for key, value in trust.items()) + ")"
    order = ", ".join(key for key in (spec_.slice_column, *spec_.key[1:]) if key)
    rows = f"select *{changed} from marts.{name} where {where}"
    return f"select {columns_of(name)} from ({rows})" + (f" order by {order}" if order else "")


def copy_with_trust(
    source: Path,
    path: Path,
    tenant: str,
    trust: Mapping[str, Any],
    lake: Lake,
    shard: str,
    silver: Mapping[str, int],
) -> None:
    """Copy a tenant's published file and change columns of its row of `trust`: same figures, another statement on them.

    The marts get the columns of today's contracts, `silver` being the versions that the file's views are pinned to.
    """
    temporary = _temporary(path)
    temporary.write_bytes(source.read_bytes())
    connection = duck.connect(temporary)
    try:
        scope = [(dict(silver), f"tenant_id = {literal(tenant)}")]
        for name in gold_models.marts():
            _fit(connection, name, lambda name: silver_view(name, lake, {shard: scope}))
        changes = ", ".join(f'"{key}" = {literal(value)}' for key, value in trust.items())
        connection.execute(f"update marts.trust set {changes}")
        connection.execute("checkpoint")
    finally:
        connection.close()
    _publish(temporary, path)


def _fit(connection: duckdb.DuckDBPyConnection, name: str, view: Callable[[str], str]) -> None:
    """Bring a mart of an old file to the columns of its contract: its dashboards ask for those, held or not.

    What the old figures lack is null. A value that does not fit a column's new type is null too: a hold must not keep
    the neighbours from being published.
    """
    mart = gold_models.marts()[name]
    wanted = [(column.name, DUCKDB_TYPES[column.type].lower()) for column in mart.spec.columns]
    rows = connection.execute(
        "select column_name, lower(data_type) from duckdb_columns() where schema_name = 'marts' and table_name = ? "
        "order by column_index",
        [name],
    ).fetchall()
    if rows == wanted:
        return
    if mart.is_view:
        connection.execute(f"create or replace view marts.{name} as {view(name)}")
        return
    there = {column for column, _ in rows}
    fitted = ", ".join(
        f'try_cast("{column}" as {kind}) as "{column}"' if column in there else f'null::{kind} as "{column}"'
        for column, kind in wanted
    )
    source = f"marts.{name}" if rows else "(select 1 where false)"
    connection.execute(f"create table marts.fitted as select {fitted} from {source}")
    connection.execute(f"drop table if exists marts.{name}")
    connection.execute(f"alter table marts.fitted rename to {name}")


def write_all_file(path: Path, lake: Lake, shards: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the file over all tenants to `path`.

    `shards`: shard → {"gold": {mart: version}, "silver": [({address: version}, condition on tenant_id), …]}; the
    conditions keep a held tenant's newer silver out.
    """
    connection = duck.connect()
    try:
        with _written(connection, path) as alias:
            for name, mart in gold_models.marts().items():
                if mart.is_view:
                    sql = silver_view(name, lake, {shard: told["silver"] for shard, told in shards.items()})
                else:
                    sql = _gold_view(name, lake, {shard: told["gold"] for shard, told in shards.items()})
                connection.execute(f"create view {alias}.marts.{name} as {sql}")
    finally:
        connection.close()


def silver_view(mart: str, lake: Lake, shards: Mapping[str, Iterable[tuple[Mapping[str, int], str]]]) -> str:
    """The SELECT of a mart over silver, each source replaced by pinned scans cut to some tenants.

    The condition stands inside each scan, so that Delta skips the other tenants' files.
    """

    def source(found: re.Match[str]) -> str:
        address = f"silver/{found[1]}/{found[2]}"
        scans = [
            f"{_scan(lake, shard, address, versions[address], spec(address).columns)} where {condition}"
            for shard, pins in shards.items()
            for versions, condition in pins
            if address in versions
        ]
        return "(" + (" union all ".join(scans) or _nothing(spec(address).columns)) + ")"

    return f"select {columns_of(mart)} from ({_SOURCE.sub(source, gold_models.mart_sql(mart))})"


def _gold_view(mart: str, lake: Lake, shards: Mapping[str, Mapping[str, int]]) -> str:
    table = gold_models.marts()[mart].spec
    scans = [
        _scan(lake, shard, table.address, tables[mart], table.columns)
        for shard, tables in shards.items()
        if mart in tables
    ]
    # A shard that has not run since a column changed its type still has the old one.
    return f"select {columns_of(mart)} from ({' union all '.join(scans) or _nothing(table.columns)})"


def _scan(lake: Lake, shard: str, address: str, version: int, columns: Iterable[Column]) -> str:
    """A pinned scan in the columns of today's spec; one that the version does not have yet is null.

    A held tenant and a shard that has not run since an upgrade are served at versions older than the spec.
    """
    there = _columns_at(lake, shard, address, version)
    names = ", ".join(
        f'"{c.name}"' if c.name in there else f'null::{DUCKDB_TYPES[c.type]} as "{c.name}"' for c in columns
    )
    return f"select {names} from delta_scan({literal(lake.table_uri(address, shard))}, version := {version})"


@cache
def _columns_at(lake: Lake, shard: str, address: str, version: int) -> frozenset[str]:
    # Opening a Delta table takes 10 ms, and each tenant's file scans the same few.
    table = lake.table(address, shard, version)
    return frozenset(field.name for field in table.schema().fields) if table else frozenset()


def _nothing(columns: Iterable[Column]) -> str:
    return "select " + ", ".join(f'null::{DUCKDB_TYPES[c.type]} as "{c.name}"' for c in columns) + " where false"


def _temporary(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.writing")
    for leftover in (temporary, temporary.with_name(temporary.name + ".wal")):
        leftover.unlink(missing_ok=True)
    return temporary


def _publish(temporary: Path, path: Path) -> None:
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    os.replace(temporary, path)


class _written:
    """A DuckDB file attached for writing as `out`, new or a copy of `source`; gets its name when all of it is there."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, source: Path | None = None) -> None:
        self.connection, self.path, self.source, self.temporary = connection, path, source, _temporary(path)

    def __enter__(self) -> str:
        if self.source is not None:
            shutil.copyfile(self.source, self.temporary)
            self.connection.execute(f"attach {literal(str(self.temporary))} as out")
            self.connection.execute("begin transaction")
            return "out"
        self.connection.execute(f"attach {literal(str(self.temporary))} as out (block_size {_BLOCK_SIZE})")
        self.connection.execute("create schema out.marts")
        return "out"

    def __exit__(self, kind: Any, *_: Any) -> None:
        if self.source is not None:
            self.connection.execute("commit" if kind is None else "rollback")
        if kind is None:
            self.connection.execute("checkpoint out")
        self.connection.execute("detach out")
        if kind is None:
            _publish(self.temporary, self.path)
