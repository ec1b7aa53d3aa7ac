"""Gold Delta follows the marts' contracts, while it keeps the rows of tenants that are held.

A column that a mart gained is null in the rows published before it, one that it lost stays in the table and is null
from now on, one of another type is rewritten. Views select the contract's columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, Schema

from orchestration.publish_files import columns_of, literal
from warehouse_models.dbt_sources import DUCKDB_TYPES
from warehouse_models.gold import Mart
from warehouse_models.lake import Lake
from warehouse_models.slices import Slices, predicate
from warehouse_models.trail import encode_slices


def fitted_schema(
    connection: duckdb.DuckDBPyConnection, lake: Lake, shard: str, mart: Mart, trail: Mapping[str, Any]
) -> pa.Schema:
    """Schema in which a mart's rows can be written to its gold table, brought to the contract if it is not there yet.

    `trail`: that of the commit to come; a rewrite of types has it without slices, for it changes no figure.
    """
    wanted = mart.spec.arrow_schema
    table = lake.table(mart.spec, shard)
    if table is None:
        return wanted
    there = {field.name: field.type for field in table.schema().fields}
    types = {field.name: field.type for field in Schema.from_arrow(wanted).fields}
    if changed := {name for name, kind in types.items() if there.get(name, kind) != kind}:
        reader = _retyped(connection, lake.table_uri(mart.spec, shard), mart, table, changed)
        lake.replace(mart.spec, shard, reader, None, trail={**trail, "slices": encode_slices({})})
        table = lake.create(mart.spec, shard)
    new = [field for field in wanted if field.name not in there]
    if new:
        table.alter.add_columns(Schema.from_arrow(pa.schema(new)).fields)
    gone = [field for field in pa.schema(table.schema().to_arrow()) if field.name not in wanted.names]
    return pa.schema([*wanted, *gone])


def _retyped(
    connection: duckdb.DuckDBPyConnection, uri: str, mart: Mart, table: DeltaTable, changed: set[str]
) -> pa.RecordBatchReader:
    """All rows of a gold table with the contract's types; a value that does not fit its new one is null."""
    wanted = mart.spec.arrow_schema
    fields = [wanted.field(f.name) if f.name in changed else f for f in pa.schema(table.schema().to_arrow())]
    columns = ", ".join(
        f'try_cast("{field.name}" as {DUCKDB_TYPES[mart.spec.column(field.name).type]}) as "{field.name}"'
        if field.name in changed
        else f'"{field.name}"'
        for field in fields
    )
    rows = connection.execute(f"select {columns} from delta_scan({literal(uri)}, version := {table.version()})")
    schema = pa.schema(fields)
    batches = (batch.cast(schema) for batch in rows.to_arrow_reader(100_000))
    return pa.RecordBatchReader.from_batches(schema, batches)


def stands(connection: duckdb.DuckDBPyConnection, lake: Lake, shard: str, mart: Mart, sql: str, slices: Slices) -> bool:
    """Whether the gold table holds the rows of `sql` in `slices` already, in the contract's columns and types.

    Rows of a mart are distinct, the audit has seen to it, so equal numbers and no row missing mean equal rows.
    """
    table = lake.table(mart.spec, shard)
    if table is None:
        return False
    there = {field.name: field.type for field in table.schema().fields}
    if any(there.get(field.name) != field.type for field in Schema.from_arrow(mart.spec.arrow_schema).fields):
        return False
    scan = f"delta_scan({literal(lake.table_uri(mart.spec, shard))}, version := {table.version()})"
    held = f"select {columns_of(mart.name)} from {scan} where {predicate(slices, mart.spec.slice_column)}"
    counts = f"(select count(*) from ({sql})) = (select count(*) from ({held}))"
    found = connection.execute(f"select {counts} and not exists ({sql} except {held})").fetchone()
    return bool(found and found[0])
