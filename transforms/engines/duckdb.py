"""The embedded engine: DuckDB reads Delta, sqlglot rewrites the Spark SQL, deltalake commits the Arrow stream.

Timestamps are naive UTC inside a query: DuckDB's TIMESTAMP WITH TIME ZONE calls ICU for every row of a date or an
interval, which costs more than the rest of the query. They are zoned again at the border.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import sqlglot
from sqlglot import exp

from transforms.engines.bulk import write_files
from transforms.engines.engine import Result
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard
from warehouse_models.spec import TableSpec

_BATCH_ROWS = 131_072
# A scan opens the table, which takes some milliseconds: beyond so many, one scan of everything is no slower.
_SCANS = 24


@cache
def translate(sql: str) -> str:
    """Spark SQL as DuckDB SQL: naive timestamps, and every CTE inlined.

    DuckDB materialises a CTE that is used twice; for a wide one that is all of bronze in memory.
    """
    return _render(sqlglot.parse_one(sql, read="spark"))


@cache
def split(sql: str, materialize: tuple[str, ...]) -> tuple[list[tuple[str, str]], str]:
    """The CTEs of `materialize` as (name, SELECT) in DuckDB SQL, each for a temporary table, and the text without them.

    Not MATERIALIZED: DuckDB 1.5.5 stops for ever when it streams some plans in which a blocking step feeds two branches
    (seen at 2 M events with a window below a UNION ALL), and a result that is not streamed is held in memory.
    """
    tree, staged = sqlglot.parse_one(sql, read="spark"), []
    for name in materialize:
        cte = next(each for each in tree.find_all(exp.CTE) if each.alias == name)
        holder = cte.parent
        assert isinstance(holder, exp.With)
        before = holder.expressions[: holder.expressions.index(cte) + 1]
        body = exp.select("*").from_(exp.to_identifier(name))
        body.set(
            "with_", exp.With(expressions=[part.copy() for part in before], recursive=holder.args.get("recursive"))
        )
        staged.append((name, _render(body)))
        cte.pop()
        if not holder.expressions:
            holder.pop()
    return staged, _render(tree)


def _render(tree: exp.Expr) -> str:
    tree = tree.copy()
    for data_type in tree.find_all(exp.DataType):
        if data_type.this in (exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ):
            data_type.set("this", exp.DataType.Type.TIMESTAMP)
    for cte in tree.find_all(exp.CTE):
        if not (cte.parent and cte.parent.args.get("recursive")):
            cte.set("materialized", False)
    return tree.sql("duckdb", comments=False)


class DuckDBEngine:
    """DuckDB in this process; `TENURE_MEMORY_LIMIT` (default 2GB) bounds it, spill goes to TENURE_HOME/tmp."""

    name = "duckdb"

    def __init__(self, lake: Lake) -> None:
        self._connection = lake.duck(memory_limit=os.environ.get("TENURE_MEMORY_LIMIT", "2GB"))
        self._connection.execute("SET preserve_insertion_order = false")
        # Half of the default: as fast, and a third less memory with many partitions open.
        self._connection.execute("SET partitioned_write_flush_threshold = 131072")
        self._views: list[str] = []
        self._staged: list[str] = []

    def expose(self, view: str, spec: TableSpec, uri: str, version: int | None, where: Sequence[str] | None) -> None:
        """See Engine.expose. A table that is not there yet has no rows.

        A scan for each condition: Delta skips files by what holds for all rows of a scan. By an OR of two tenants' days
        every run read all of history.
        """
        if version is None or (where is not None and not where):
            columns = ", ".join(
                f"CAST(NULL AS {'timestamp' if c.type == 'timestamp' else c.duckdb_type}) AS {_q(c.name)}"
                for c in spec.columns
            )
            body = f"SELECT {columns} WHERE false"
        else:
            columns = ", ".join(
                f"make_timestamp(epoch_us({_q(c.name)})) AS {_q(c.name)}" if c.type == "timestamp" else _q(c.name)
                for c in spec.columns
            )
            scan = f"SELECT {columns} FROM {duck.delta_scan(uri, version)}"
            split = where if where is None or len(where) <= _SCANS else [" OR ".join(where)]
            body = scan if split is None else " UNION ALL ".join(f"{scan} WHERE {term}" for term in split)
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS {body}")
        self._views.append(view)

    def expose_rows(self, view: str, rows: pa.Table) -> None:
        """See Engine.expose_rows."""
        self._connection.register("_arrow", rows)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {view} AS SELECT * FROM _arrow")
        self._connection.unregister("_arrow")
        self._staged.append(view)

    def stage(self, view: str, sql: str, materialize: tuple[str, ...] = ()) -> None:
        """See Engine.stage."""
        self._table(view, self._computed_once(sql, materialize))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """See Engine.rows."""
        return self._connection.execute(translate(sql)).fetchall()

    def commit(self, shard: Shard, spec: TableSpec, result: Result) -> tuple[int, int]:
        """See Engine.commit. Neither side holds the result: a whole table goes straight to files, slices stream."""
        select, marks = self._computed_once(result.sql, result.materialize), dict([result.transaction])
        if result.slices is None and shard.takes_files(spec):
            files, rows = write_files(self._connection, spec, shard.table_uri(spec), select)
            return shard.replace_by_files(spec, files, trail=result.trail, transactions=marks), rows
        stream = _CountedStream(self._connection.execute(select).to_arrow_reader(_BATCH_ROWS), spec)
        version = shard.replace(spec, stream.reader, result.slices, trail=result.trail, transactions=marks)
        return version, stream.rows

    def reset(self) -> None:
        """See Engine.reset."""
        for view in self._views:
            self._connection.execute(f"DROP VIEW IF EXISTS {view}")
        for table in self._staged:
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")
        self._views, self._staged = [], []

    def close(self) -> None:
        """See Engine.close."""
        self._connection.close()

    def _computed_once(self, sql: str, materialize: tuple[str, ...]) -> str:
        """DuckDB SQL of a text whose CTEs of `materialize` are temporary tables now."""
        staged, rest = split(sql, materialize)
        for name, body in staged:
            self._table(name, body)
        return rest

    def _table(self, name: str, body: str) -> None:
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {body}")
        self._staged.append(name)


class _CountedStream:
    """The rows of a query with the columns and types of a spec, counted as they pass (`rows`)."""

    def __init__(self, batches: Iterable[pa.RecordBatch], spec: TableSpec) -> None:
        self.rows = 0
        self._batches, self._schema = batches, spec.arrow_schema
        self.reader = pa.RecordBatchReader.from_batches(self._schema, self._passed())

    def _passed(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            columns = [batch.column(field.name).cast(field.type) for field in self._schema]
            yield pa.RecordBatch.from_arrays(columns, schema=self._schema)


def _q(name: str) -> str:
    return f'"{name}"'
