"""The embedded engine: DuckDB reads Delta, sqlglot rewrites the Spark SQL, deltalake commits the Arrow stream.

Timestamps are naive UTC inside a query: DuckDB's TIMESTAMP WITH TIME ZONE calls ICU for every row of a date or an
interval, which costs more than the rest of the query. They are zoned again at the border.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pyarrow as pa
import sqlglot
from sqlglot import exp

from warehouse_models.lake import Lake
from warehouse_models.slices import Slices
from warehouse_models.spec import TableSpec

_DUCK_TYPES = {"string": "VARCHAR", "boolean": "BOOLEAN", "timestamp": "TIMESTAMP", "date": "DATE"}
_BATCH_ROWS = 131_072


@cache
def translate(sql: str, materialize: tuple[str, ...] = ()) -> str:
    """Spark SQL as DuckDB SQL: naive timestamps, and CTEs inlined but those of `materialize`.

    DuckDB materialises every CTE used twice; for a wide one that is all of bronze in memory.
    """
    tree = sqlglot.parse_one(sql, read="spark")
    for data_type in tree.find_all(exp.DataType):
        if data_type.this in (exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ):
            data_type.set("this", exp.DataType.Type.TIMESTAMP)
    for cte in tree.find_all(exp.CTE):
        in_recursion = bool(cte.parent and cte.parent.args.get("recursive"))
        if not in_recursion:
            cte.set("materialized", cte.alias in materialize)
    return tree.sql("duckdb", comments=False)


class DuckDBEngine:
    """DuckDB in this process; `TENURE_MEMORY_LIMIT` (default 2GB) bounds it, spill goes to TENURE_HOME/tmp."""

    name = "duckdb"

    def __init__(self, lake: Lake) -> None:
        self._connection = lake.duck(memory_limit=os.environ.get("TENURE_MEMORY_LIMIT", "2GB"))
        self._connection.execute("SET preserve_insertion_order = false")
        self._views: list[str] = []
        self._staged: list[str] = []

    def expose(self, view: str, spec: TableSpec, uri: str, version: int | None, where: str | None) -> None:
        """See Engine.expose. A table that is not there yet has no rows."""
        if version is None:
            columns = ", ".join(
                f"CAST(NULL AS {_DUCK_TYPES.get(c.type, c.type)}) AS {_q(c.name)}" for c in spec.columns
            )
            body = f"SELECT {columns} WHERE false"
        else:
            columns = ", ".join(
                f"make_timestamp(epoch_us({_q(c.name)})) AS {_q(c.name)}" if c.type == "timestamp" else _q(c.name)
                for c in spec.columns
            )
            condition = f" WHERE {where}" if where else ""
            body = f"SELECT {columns} FROM delta_scan('{uri}', version := {version}){condition}"
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS {body}")
        self._views.append(view)

    def expose_rows(self, view: str, rows: pa.Table) -> None:
        """See Engine.expose_rows."""
        self._connection.register("_arrow", rows)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {view} AS SELECT * FROM _arrow")
        self._connection.unregister("_arrow")
        self._staged.append(view)

    def stage(self, view: str, sql: str, inlined: tuple[str, ...] = ()) -> None:
        """See Engine.stage."""
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {view} AS {translate(sql, inlined)}")
        self._staged.append(view)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """See Engine.rows."""
        return self._connection.execute(translate(sql)).fetchall()

    def commit(
        self,
        lake: Lake,
        spec: TableSpec,
        shard: str,
        sql: str,
        slices: Slices | None,
        *,
        trail: Mapping[str, Any],
        transaction: tuple[str, int],
        materialize: tuple[str, ...] = (),
    ) -> tuple[int, int]:
        """See Engine.commit. Streams: neither side holds the result."""
        counted = [0]
        if materialize:
            # DuckDB 1.5.5 stops for ever when it streams some plans in which a blocking step feeds two branches (seen
            # at 2 M events with a window below a UNION ALL), so what is computed once is not streamed.
            self.stage("computed_once", sql, materialize)
            sql, materialize = "SELECT * FROM computed_once", ()
        reader = self._connection.execute(translate(sql, materialize)).to_arrow_reader(_BATCH_ROWS)
        names = spec.arrow_schema.names

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                counted[0] += batch.num_rows
                columns = [
                    batch.column(name).cast(field.type) for name, field in zip(names, spec.arrow_schema, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=spec.arrow_schema)

        stream = pa.RecordBatchReader.from_batches(spec.arrow_schema, batches())
        version = lake.replace(spec, shard, stream, slices, trail=trail, transactions=dict([transaction]))
        return version, counted[0]

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


def _q(name: str) -> str:
    return f'"{name}"'
