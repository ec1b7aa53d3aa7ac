"""The types a column can have, each with its spelling in every engine; and rows of Python values in these types.

spec type "timestamp" ─▶ Arrow timestamp[us, UTC] · DuckDB and dbt's contracts `timestamp with time zone` · Spark
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

Rows = Sequence[Sequence[Any]] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ColumnType:
    """A type as each engine spells it; `duckdb` is the text of dbt's contracts too."""

    arrow: pa.DataType
    duckdb: str
    spark: str


# By the name that specs give it: Spark SQL's, in lower case.
COLUMN_TYPES: Mapping[str, ColumnType] = {
    "string": ColumnType(pa.string(), "varchar", "STRING"),
    "bigint": ColumnType(pa.int64(), "bigint", "BIGINT"),
    "integer": ColumnType(pa.int32(), "integer", "INT"),
    "double": ColumnType(pa.float64(), "double", "DOUBLE"),
    "boolean": ColumnType(pa.bool_(), "boolean", "BOOLEAN"),
    "timestamp": ColumnType(pa.timestamp("us", tz="UTC"), "timestamp with time zone", "TIMESTAMP"),
    "date": ColumnType(pa.date32(), "date", "DATE"),
    # Exact amounts and rates. Twelve places are what payment systems give; 26 digits before them fit any currency.
    "decimal(38,12)": ColumnType(pa.decimal128(38, 12), "decimal(38,12)", "DECIMAL(38,12)"),
}
# The other way round: DuckDB's spelling → the name in specs.
BY_DUCKDB: Mapping[str, str] = {column_type.duckdb: name for name, column_type in COLUMN_TYPES.items()}


def of_arrow(kind: pa.DataType) -> ColumnType:
    """The type that Arrow calls `kind`; KeyError where no column can have it."""
    for column_type in COLUMN_TYPES.values():
        if column_type.arrow == kind:
            return column_type
    raise KeyError(f"no column has the Arrow type {kind}")


def to_arrow(
    schema: pa.Schema,
    rows: Rows,
    names: Iterable[str] | None = None,
    shared: Mapping[str, Any] | None = None,
) -> pa.Table:
    """Rows as an Arrow table of `schema`: tuples in the order of `names` (None: of the schema), or mappings by column.

    `shared`: values of columns that are the same in all rows. A column of neither is null. A timestamp is UTC
    microseconds or a datetime with its zone, a date is days since 1970 or a date. KeyError: a name that is no column;
    pyarrow's ArrowInvalid or ArrowTypeError: a value that its column cannot hold.
    """
    shared = shared or {}
    is_mapped = bool(rows) and isinstance(rows[0], Mapping)
    named = set().union(*rows) if is_mapped else schema.names if names is None else list(names)
    if unknown := sorted({*named, *shared} - set(schema.names)):
        raise KeyError(f"no column is called {', '.join(unknown)}")
    columns: dict[str, Sequence[Any]]
    if is_mapped:
        columns = {name: [row.get(name) for row in rows] for name in named}  # type: ignore[union-attr]
    else:
        columns = dict(zip(named, zip(*rows, strict=True) if rows else [()] * len(named), strict=True))
    arrays = []
    for field in schema:
        if field.name in columns:
            arrays.append(pa.array(columns[field.name], field.type))
        elif shared.get(field.name) is not None:
            arrays.append(pa.repeat(pa.scalar(shared[field.name], field.type), len(rows)))
        else:
            arrays.append(pa.nulls(len(rows), field.type))
    return pa.table(arrays, schema=schema)
