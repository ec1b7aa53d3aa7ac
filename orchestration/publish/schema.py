"""Gold Delta follows the marts' contracts, while it keeps the rows of tenants that are held.

A column that a mart gained is null in the rows published before it, one that it lost stays in the table and is null
from now on. A table whose column has another type, or that is partitioned otherwise, is rewritten. Views select the
contract's columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, Schema

from orchestration.publish.sql import columns_of
from orchestration.publish.state import ShardState
from warehouse_models.dbt.marts import Mart
from warehouse_models.lake.slices import Slices, predicate
from warehouse_models.lake.trail import encode_slices


def fitted_schema(state: ShardState, mart: Mart, trail: Mapping[str, Any]) -> pa.Schema:
    """Schema in which a mart's rows can be written to its gold table, brought to the contract if it is not there yet.

    `trail`: that of the commit to come; a rewrite has it without slices, for it changes no figure.
    """
    tables, wanted = state.tables, mart.table.arrow_schema
    table = tables.table(mart.table)
    if table is None:
        return wanted
    there = {field.name: field.type for field in table.schema().fields}
    types = {field.name: field.type for field in Schema.from_arrow(wanted).fields}
    changed = {name for name, kind in types.items() if there.get(name, kind) != kind}
    if changed or tuple(table.metadata().partition_columns) != mart.table.partition_by:
        reader = _rewritten(state, mart, table, changed)
        tables.replace(mart.table, reader, None, trail={**trail, "slices": encode_slices({})})
        table = tables.create(mart.table)
        there = {field.name: field.type for field in table.schema().fields}
    new = [field for field in wanted if field.name not in there]
    if new:
        table.alter.add_columns(Schema.from_arrow(pa.schema(new)).fields)
    gone = [field for field in pa.schema(table.schema().to_arrow()) if field.name not in wanted.names]
    return pa.schema([*wanted, *gone])


def _rewritten(state: ShardState, mart: Mart, table: DeltaTable, changed: set[str]) -> pa.RecordBatchReader:
    """All rows of a gold table with the contract's types and today's partition columns, in their order.

    A value that does not fit its new type is null.
    """
    wanted, there = mart.table.arrow_schema, pa.schema(table.schema().to_arrow())
    fields = [wanted.field(field.name) if field.name in changed else field for field in there]
    columns = [
        f'try_cast("{field.name}" as {mart.table.column(field.name).duckdb_type}) as "{field.name}"'
        if field.name in changed
        else f'"{field.name}"'
        for field in fields
    ]
    if (month := mart.table.month_column) and month not in there.names:
        fields.append(wanted.field(month))
        columns.append(month_of(mart))
    order = ", ".join(f'"{name}"' for name in (*mart.table.partition_by, mart.spec.slice_column) if name)
    scan = state.tables.scan(mart.table, table.version())
    rows = state.build.execute(f"select {', '.join(columns)} from {scan} order by {order}")
    schema = pa.schema(fields)
    batches = (batch.cast(schema) for batch in rows.to_arrow_reader(100_000))
    return pa.RecordBatchReader.from_batches(schema, batches)


def month_of(mart: Mart) -> str:
    """The partition column of a mart whose files are cut by month, computed from its slice column."""
    return f'date_trunc(\'month\', "{mart.spec.slice_column}")::date as "{mart.table.month_column}"'


def stands(state: ShardState, mart: Mart, sql: str, slices: Slices) -> bool:
    """Whether the gold table holds the rows of `sql` in `slices` already, in the contract's columns and types.

    Rows of a mart are distinct, the audit has seen to it, so equal numbers and no row missing mean equal rows.
    """
    table = state.tables.table(mart.spec)
    if table is None:
        return False
    there = {field.name: field.type for field in table.schema().fields}
    if any(there.get(field.name) != field.type for field in Schema.from_arrow(mart.spec.arrow_schema).fields):
        return False
    scan = state.tables.scan(mart.spec, table.version())
    held = f"select {columns_of(mart.name)} from {scan} where {predicate(slices, mart.spec.slice_column)}"
    counts = f"(select count(*) from ({sql})) = (select count(*) from ({held}))"
    row = state.build.execute(f"select {counts} and not exists ({sql} except {held})").fetchone()
    return bool(row and row[0])
