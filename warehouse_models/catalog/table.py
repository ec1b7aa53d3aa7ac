"""A catalog table: a small versioned Delta table that is read and rewritten whole, its rows a frozen dataclass.

    @dataclass(frozen=True)
    class Channel: tenant_id: str; name: str; …; version: int; updated_at: datetime

    CatalogTable(lake, "channels", Channel, thing="channel", command="tenure channel")
        .read(tenant)                            all rows by key, or those of a tenant
        .one(tenant, name)                       or a TenureError that lists the names there are
        .add(row, existing)                      unless it is there already
        .update((tenant, name), lambda row: …)   one more version, if anything changed

Every change is one commit, checked against the version that it read. Fields are columns, in their order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from types import UnionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import CommitFailedError

from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import ATTEMPTS
from warehouse_models.types import COLUMN_TYPES, to_arrow

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")
Result = TypeVar("Result")

# Metadata of a field whose column has another name: field(metadata={COLUMN: "shard"}).
COLUMN = "column"
_MOST_LISTED = 20
# A mapping is kept as JSON text.
_TYPES: Mapping[Any, pa.DataType] = {
    str: COLUMN_TYPES["string"].arrow,
    Mapping: COLUMN_TYPES["string"].arrow,
    int: COLUMN_TYPES["bigint"].arrow,
    bool: COLUMN_TYPES["boolean"].arrow,
    datetime: COLUMN_TYPES["timestamp"].arrow,
}


@dataclass(frozen=True)
class _Column:
    """A field and its column; `type` is what the field holds, without None and without what a mapping maps."""

    field: str
    name: str
    type: Any

    def to_cell(self, value: Any) -> Any:
        return json.dumps(dict(value), sort_keys=True) if self.type is Mapping else value

    def from_cell(self, cell: Any) -> Any:
        return json.loads(cell) if self.type is Mapping else cell


@dataclass(frozen=True)
class CatalogTable(Generic[Row]):
    """The catalog table `name` of a lake, with rows of `row_class`.

    `key` names the fields that identify a row, the tenant first where there is one. Errors call a row `thing` and send
    to `command`, which can add and list them.
    """

    lake: Lake
    name: str
    row_class: type[Row]
    thing: str
    command: str
    key: tuple[str, ...] = ("tenant_id", "name")

    # -- reading -----------------------------------------------------------------------------------------------------
    def read(self, tenant: str | None = None) -> list[Row]:
        """The rows by key, of one tenant if given; none where nothing was written yet."""
        rows = self._rows(self.lake.open(self._uri))
        chosen = rows if tenant is None else [row for row in rows if vars(row)["tenant_id"] == tenant]
        return sorted(chosen, key=self._key_of)

    def one(self, *key: str) -> Row:
        """The row of this key; TenureError lists those there are."""
        rows = self.read()
        return rows[self._index(rows, key)]

    # -- changing ----------------------------------------------------------------------------------------------------
    def add(self, row: Row, existing: Callable[[Sequence[Row]], Row | None]) -> Row:
        """Add `row`, unless `existing` finds the same among the rows; what is there then.

        `existing` raises a TenureError where a row that is there does not allow the new one.
        """

        def change(rows: list[Row]) -> tuple[list[Row], Row]:
            same = existing(rows)
            return ([*rows, row], row) if same is None else (rows, same)

        return self.change(change)

    def update(self, key: Sequence[str], change_row: Callable[[Row], Row]) -> Row:
        """Change the row of this key and return it; where it differs, its version and its time are the next.

        TenureError: there is no such row.
        """

        def change(rows: list[Row]) -> tuple[list[Row], Row]:
            at = self._index(rows, key)
            row = change_row(rows[at])
            if row != rows[at]:
                row = _next_version(row)
            return [*rows[:at], row, *rows[at + 1 :]], row

        return self.change(change)

    def change(self, change: Callable[[list[Row]], tuple[list[Row], Result]]) -> Result:
        """Replace the rows by those that `change` makes of them, in one commit; its second value.

        `change` is called again, on the rows of another process, as often as that process was first. Where it changes
        nothing, nothing is written. TenureError: others were first `ATTEMPTS` times.
        """
        for _ in range(ATTEMPTS):
            table = self.lake.open(self._uri)
            before = self._rows(table)
            after, result = change(list(before))
            if after == before:
                return result
            if table is None:
                # Another process may create it at the same time, and with rows: so it is read before it is written.
                self.lake.create_at(self._uri, self.schema)
                continue
            try:
                self.lake.overwrite(table, self._to_arrow(after))
                return result
            except CommitFailedError:
                continue
        raise TenureError("catalog", "other processes keep changing it", "try again")

    # -- storage -----------------------------------------------------------------------------------------------------
    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema: a column for each field, each nullable."""
        return pa.schema([(column.name, _TYPES[column.type]) for column in self._columns])

    @cached_property
    def _columns(self) -> tuple[_Column, ...]:
        hints = get_type_hints(self.row_class)
        return tuple(
            _Column(field.name, field.metadata.get(COLUMN, field.name), _plain(hints[field.name]))
            for field in fields(self.row_class)
        )

    @property
    def _uri(self) -> str:
        return self.lake.catalog_uri(self.name)

    def _rows(self, table: DeltaTable | None) -> list[Row]:
        """The rows in the order in which they were added, read inside delta-rs.

        `to_pyarrow_table()` leaves Arrow threads holding a Python file system; 3 of 10 processes aborted at their exit.
        """
        if table is None:
            return []
        cells = pa.table(QueryBuilder().register("t", table).execute("SELECT * FROM t")).to_pylist()
        return [self.row_class(**{c.field: c.from_cell(row[c.name]) for c in self._columns}) for row in cells]

    def _to_arrow(self, rows: Sequence[Row]) -> pa.Table:
        cells = [{c.name: c.to_cell(getattr(row, c.field)) for c in self._columns} for row in rows]
        return to_arrow(self.schema, cells)

    def _key_of(self, row: Row) -> tuple[str, ...]:
        return tuple(getattr(row, field) for field in self.key)

    def _index(self, rows: Sequence[Row], key: Sequence[str]) -> int:
        """Where the row of this key stands. TenureError: nowhere."""
        *owner, name = key
        keys = [self._key_of(row) for row in rows]
        if tuple(key) in keys:
            return keys.index(tuple(key))
        names = sorted(last for *first, last in keys if first == owner)
        listed = ", ".join(names[:_MOST_LISTED]) or "none yet"
        if not owner:
            why = f"the catalog does not know it (known: {listed})"
            raise TenureError(f"{self.thing} {name}", why, f"{self.command} add")
        why = f"tenant {owner[0]} has none of this name (known: {listed})"
        raise TenureError(f"{self.thing} {name}", why, f"{self.command} list --tenant {owner[0]}")


def _plain(hint: Any) -> Any:
    """The type in an annotation: `str` of `str | None`, Mapping of `Mapping[str, Any]`."""
    if isinstance(hint, UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    return get_origin(hint) or hint


def _next_version(row: Row) -> Row:
    stamps: dict[str, Any] = {"updated_at": datetime.now(UTC)}
    if hasattr(row, "version"):
        stamps["version"] = row.version + 1
    return replace(row, **stamps)
