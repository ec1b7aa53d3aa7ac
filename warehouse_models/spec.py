"""What a table is: grain, key, columns with types and PII class, owner, partitioning.

A spec says nothing about where a table lives (`lake/`) nor how it is computed (`transforms/`, `dbt_project/`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import pyarrow as pa

from warehouse_models.types import COLUMN_TYPES, Rows, to_arrow


class Pii(StrEnum):
    """How near a column is to a person. `pseudonymous`: an id; `personal`: a name, e-mail or free payload."""

    NONE = "none"
    PSEUDONYMOUS = "pseudonymous"
    PERSONAL = "personal"


@dataclass(frozen=True)
class Column:
    """One column. `type` is a Spark SQL name out of COLUMN_TYPES; timestamps are UTC microseconds."""

    name: str
    type: str
    description: str
    pii: Pii = Pii.NONE
    nullable: bool = True

    def __post_init__(self) -> None:
        if self.type not in COLUMN_TYPES:
            raise ValueError(f"column {self.name}: type {self.type!r} is none of {sorted(COLUMN_TYPES)}")

    @property
    def duckdb_type(self) -> str:
        """Its type as DuckDB and dbt's contracts spell it."""
        return COLUMN_TYPES[self.type].duckdb


@dataclass(frozen=True)
class TableSpec:
    """One table of bronze or silver.

    `grain` is a sentence; `key` the columns that identify a row, led by tenant_id; `slice_column` the DATE column by
    which the table is replaced slice by slice (None: a tenant is the smallest slice). A partition column ending in
    `_month` is the first day of the slice column's month: it keeps a tenant's files to a month each.
    """

    layer: str
    domain: str | None
    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    owner: str
    description: str
    partition_by: tuple[str, ...] = ("tenant_id",)
    slice_column: str | None = None

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        for wanted in (*self.key, *self.partition_by, *([self.slice_column] if self.slice_column else [])):
            if wanted not in names:
                raise ValueError(f"{self.address}: {wanted} is not a column")
        if len(set(names)) != len(names):
            raise ValueError(f"{self.address}: a column is named twice")
        if self.key[0] != "tenant_id":
            # A key that does not start with the tenant lets two tenants' rows collide in a pooled shard.
            raise ValueError(f"{self.address}: the key must start with tenant_id")

    @property
    def address(self) -> str:
        """The table's one name, e.g. `silver/product/sessions`: asset key, Delta path, dbt source."""
        return "/".join(part for part in (self.layer, self.domain, self.name) if part)

    @property
    def view(self) -> str:
        """The name under which a transform sees the table, e.g. `silver_product_sessions`."""
        return self.address.replace("/", "_")

    @property
    def month_column(self) -> str | None:
        """The partition column that holds the month of `slice_column`, if the table has one."""
        return next((name for name in self.partition_by if name.endswith("month")), None)

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """Arrow schema in column order; key columns and the declared ones are not nullable."""
        return pa.schema([pa.field(c.name, COLUMN_TYPES[c.type].arrow, nullable=c.nullable) for c in self.columns])

    def arrow(
        self, rows: Rows, names: Iterable[str] | None = None, shared: Mapping[str, Any] | None = None
    ) -> pa.Table:
        """Rows as an Arrow table of this spec; arguments and errors as `types.to_arrow`."""
        return to_arrow(self.arrow_schema, rows, names, shared)

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError names the table."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.address} has no column {name}")
