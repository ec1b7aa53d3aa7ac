"""One map of types, and one way from rows to Arrow."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse_models.lake import duck
from warehouse_models.spec import Column, TableSpec
from warehouse_models.types import BY_DUCKDB, COLUMN_TYPES, of_arrow, to_arrow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "double": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "timestamp": st.integers(-(10**15) * 5, 10**16).map(lambda at: _EPOCH + timedelta(microseconds=at)),
    "date": st.dates(date(1800, 1, 1), date(2200, 1, 1)),
    "decimal(38,12)": st.decimals(-(10**20), 10**20, places=12),
}
TABLE = TableSpec(
    layer="bronze",
    domain="made",
    name="types",
    grain="One row per key.",
    key=("tenant_id",),
    columns=(
        Column("tenant_id", "string", "Key.", nullable=False),
        *(Column(f"a {name}", name, f"A {name}.") for name in COLUMN_TYPES),
    ),
    owner="data-engineering",
    description="Every type once.",
)
_NAMES = [column.name for column in TABLE.columns]
_ROW = st.tuples(st.text(), *(st.none() | _VALUES[column.type] for column in TABLE.columns[1:]))


def _stored(cell: Any) -> Any:
    """A time as microseconds, a date as days."""
    if isinstance(cell, datetime):
        return (cell - _EPOCH) // timedelta(microseconds=1)
    return (cell - _EPOCH.date()).days if isinstance(cell, date) else cell


@given(st.lists(_ROW, max_size=5))
def test_rows_come_back_from_arrow_as_they_went_in(rows: list[tuple[Any, ...]]) -> None:
    table = TABLE.arrow(rows)
    assert table.schema == TABLE.arrow_schema
    assert [tuple(row.values()) for row in table.to_pylist()] == rows


@given(st.lists(_ROW, max_size=5), st.permutations(_NAMES), st.integers(0, len(_NAMES)))
def test_tuples_mappings_stored_numbers_and_shared_values_say_the_same(
    rows: list[tuple[Any, ...]], order: list[str], cut: int
) -> None:
    wanted = TABLE.arrow(rows)
    as_mappings = [dict(zip(_NAMES, map(_stored, row), strict=True)) for row in rows]
    assert TABLE.arrow(as_mappings) == wanted
    assert TABLE.arrow([tuple(row[name] for name in order) for row in as_mappings], order) == wanted
    for row in as_mappings:
        here, shared = order[:cut], {name: row[name] for name in order[cut:]}
        assert TABLE.arrow([tuple(row[name] for name in here)], here, shared) == TABLE.arrow([row])


def test_a_column_that_is_left_out_is_null_and_one_that_is_not_there_is_refused() -> None:
    assert TABLE.arrow([{"tenant_id": "a"}]).column("a date").to_pylist() == [None]
    assert TABLE.arrow([("a",)], ["tenant_id"]).column("a string").to_pylist() == [None]
    for rows, names, shared in (
        ([{"tenant_id": "a"}, {"tenant": "a"}], None, None),
        ([("a",)], ["tenant"], None),
        ([("a",)], ["tenant_id"], {"tenant": "a"}),
    ):
        with pytest.raises(KeyError, match="no column is called tenant"):
            TABLE.arrow(rows, names, shared)  # type: ignore[arg-type]


def test_a_tuple_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        TABLE.arrow([("a",), ("b", "c")], ["tenant_id"])
    with pytest.raises(ValueError, match="zip"):
        TABLE.arrow([("a", "b")], ["tenant_id"])


@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_every_spelling_of_a_type_is_the_same_type(name: str) -> None:
    column_type = COLUMN_TYPES[name]
    assert BY_DUCKDB[column_type.duckdb] == name
    assert of_arrow(column_type.arrow) == column_type
    schema = pa.schema([pa.field("cell", column_type.arrow)])
    with duck.connect() as connection:
        connection.execute(f"CREATE TABLE made (cell {column_type.duckdb})")
        connection.register("none", to_arrow(schema, [(None,)]))
        for relation in ("made", "none"):
            ((_, described, *_),) = connection.execute(f"DESCRIBE {relation}").fetchall()
            assert described.lower() == column_type.duckdb


def test_a_type_that_no_column_has_is_named() -> None:
    with pytest.raises(KeyError, match="month_day_nano"):
        of_arrow(pa.month_day_nano_interval())
    with pytest.raises(ValueError, match="'text' is none of"):
        Column("name", "text", "A text.")


def test_decimals_keep_twelve_places() -> None:
    row = {"tenant_id": "a", "a decimal(38,12)": Decimal("0.000000000001")}
    assert TABLE.arrow([row]).to_pylist()[0]["a decimal(38,12)"] == row["a decimal(38,12)"]
