"""The files of a publication: one DuckDB file a tenant, and one over all tenants.

Both hold schema `marts` with the same relations. A tenant's file holds the tables' rows, and the marts over silver as
views pinned to a version; the file over all tenants holds views over gold and silver Delta at pinned versions.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.publish.sql import columns_of, literal
from orchestration.publish.views import Scope, gold_view, silver_view
from warehouse_models.dbt import marts as gold_models
from warehouse_models.files import put_in_place
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.slices import Slices, predicate
from warehouse_models.published.publication import Pins

# 64 KiB blocks keep twenty small tables at 5 MB; DuckDB's default takes 8 MB (STACK).
_BLOCK_SIZE = 65_536


@dataclass(frozen=True)
class TenantFile:
    """A tenant's file that is to be written at `path`, by a temporary name until all of it is there.

    `trust` overrides columns of the tenant's row of `trust`; `pins` are the versions of silver its views are pinned to.
    """

    path: Path
    tenant: str
    trust: Mapping[str, Any]
    lake: Lake
    pins: Pins

    def write(self, build: duckdb.DuckDBPyConnection) -> None:
        """Write the tenant's marts out of the build database."""
        with _written(build, self.path) as alias:
            for name, mart in gold_models.marts().items():
                if mart.is_view:
                    build.execute(f"create view {alias}.marts.{name} as {self._view(name)}")
                else:
                    rows = _rows(name, self.trust, f"tenant_id = {literal(self.tenant)}")
                    build.execute(f"create table {alias}.marts.{name} as {rows}")

    def patch(self, build: duckdb.DuckDBPyConnection, source: Path, slices: Mapping[str, Slices]) -> None:
        """Write the same file as `write`, as a copy of `source` in which only `slices` (by mart) are replaced.

        `source` is an earlier file of the tenant with the columns of today's contracts. A day more costs what the day
        holds, not what the history does.
        """
        with _written(build, self.path, source) as alias:
            for name, mart in gold_models.marts().items():
                if mart.is_view:
                    build.execute(f"create or replace view {alias}.marts.{name} as {self._view(name)}")
                    continue
                moved: Slices = {self.tenant: None} if name == "trust" else slices[name]
                if moved:
                    where = predicate(moved, mart.spec.slice_column)
                    build.execute(f"delete from {alias}.marts.{name} where {where}")
                    build.execute(f"insert into {alias}.marts.{name} {_rows(name, self.trust, where)}")

    def copy(self, source: Path) -> None:
        """Copy a published file of the tenant and change its row of `trust`: same figures, another statement on them.

        The marts get the columns of today's contracts.
        """
        temporary = _temporary(self.path)
        temporary.write_bytes(source.read_bytes())
        connection = duck.connect(temporary)
        try:
            for name, mart in gold_models.marts().items():
                if not _fits(connection, mart):
                    if mart.is_view:
                        connection.execute(f"create or replace view marts.{name} as {self._view(name)}")
                    else:
                        _fit(connection, mart)
            changes = ", ".join(f'"{key}" = {literal(value)}' for key, value in self.trust.items())
            connection.execute(f"update marts.trust set {changes}")
            connection.execute("checkpoint")
        finally:
            connection.close()
        put_in_place(temporary, self.path)

    def _view(self, mart: str) -> str:
        return silver_view(mart, self.lake, [Scope.of_tenant(self.pins, self.tenant)])


def write_all_file(path: Path, lake: Lake, shards: Sequence[Pins], silver: Sequence[Scope]) -> None:
    """Write the file over all tenants to `path`.

    `shards`: the versions of each shard's gold tables. `silver`: what its views over silver read; the conditions keep a
    held tenant's newer silver out.
    """
    connection = duck.connect()
    try:
        with _written(connection, path) as alias:
            for name, mart in gold_models.marts().items():
                sql = silver_view(name, lake, silver) if mart.is_view else gold_view(name, lake, shards)
                connection.execute(f"create view {alias}.marts.{name} as {sql}")
    finally:
        connection.close()


def _rows(name: str, trust: Mapping[str, Any], where: str) -> str:
    """SELECT of a mart's rows out of the build database, in its order; the row of `trust` says what `trust` says."""
    spec = gold_models.marts()[name].spec
    changed = ""
    if name == "trust":
        changed = " replace (" + ", ".join(f'{literal(value)} as "{key}"' for key, value in trust.items()) + ")"
    order = ", ".join(key for key in (spec.slice_column, *spec.key[1:]) if key)
    rows = f"select *{changed} from marts.{name} where {where}"
    return f"select {columns_of(name)} from ({rows})" + (f" order by {order}" if order else "")


def _columns(connection: duckdb.DuckDBPyConnection, mart: str) -> list[tuple[str, str]]:
    """The columns that a mart has in an open file, (name, type) in order; none where the file lacks it."""
    return connection.execute(
        "select column_name, lower(data_type) from duckdb_columns() where schema_name = 'marts' and table_name = ? "
        "order by column_index",
        [mart],
    ).fetchall()


def _contract(mart: gold_models.Mart) -> list[tuple[str, str]]:
    return [(column.name, column.duckdb_type) for column in mart.spec.columns]


def _fits(connection: duckdb.DuckDBPyConnection, mart: gold_models.Mart) -> bool:
    return _columns(connection, mart.name) == _contract(mart)


def _fit(connection: duckdb.DuckDBPyConnection, mart: gold_models.Mart) -> None:
    """Bring a mart of an old file to the columns of its contract: its dashboards ask for those, held or not.

    What the old figures lack is null. A value that does not fit a column's new type is null too: a hold must not keep
    the neighbours from being published.
    """
    there = {column for column, _ in _columns(connection, mart.name)}
    fitted = ", ".join(
        f'try_cast("{column}" as {kind}) as "{column}"' if column in there else f'null::{kind} as "{column}"'
        for column, kind in _contract(mart)
    )
    source = f"marts.{mart.name}" if there else "(select 1 where false)"
    connection.execute(f"create table marts.fitted as select {fitted} from {source}")
    connection.execute(f"drop table if exists marts.{mart.name}")
    connection.execute(f"alter table marts.fitted rename to {mart.name}")


def _temporary(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.writing")
    for leftover in (temporary, temporary.with_name(temporary.name + ".wal")):
        leftover.unlink(missing_ok=True)
    return temporary


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
            put_in_place(self.temporary, self.path)
