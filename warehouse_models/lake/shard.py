"""A shard: one root of a lake. Here the tables of its tenants are addressed, read and committed, and nowhere else.

    lake.shard("pool") ── table_uri("silver/product/sessions") ─▶ <root>/shards/pool/silver/product/sessions
                       ── scan(table, version)           ─▶ the SQL of a pinned scan
                       ── append, replace                ─▶ one commit that carries its trail (`trail.py`)
                       ── append_once(table, make_rows)  ─▶ look up, append at that version; lost: look up again

Every commit of ours carries `userMetadata` = {"tenure": {...}} (Spark writes the same key), see `trail.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from warehouse_models.errors import TenureError
from warehouse_models.lake import delta, duck, storage
from warehouse_models.lake.slices import Slices, predicate
from warehouse_models.lake.trail import Trail, read_trail
from warehouse_models.spec import TableSpec
from warehouse_models.specs import spec as spec_at

# How often a writer that others outran looks again. A try is lost only where another's commit won, so some writer
# always gets on. One that lost so many times in a row gives up with an error, instead of trying without end.
ATTEMPTS = 30


@dataclass(frozen=True)
class Shard:
    """The Delta tables below one URI. A table is named by its spec or by an address such as `gold/dim_accounts`."""

    uri: str
    options: delta.Options = None

    # -- reading -----------------------------------------------------------------------------------------------------
    def table_uri(self, table: TableSpec | str) -> str:
        """Where the table is."""
        return f"{self.uri}/{table if isinstance(table, str) else table.address}"

    def table(self, table: TableSpec | str, version: int | None = None) -> DeltaTable | None:
        """The Delta table at `version` (None: the newest), or None where nothing was written yet."""
        return delta.open_table(self.table_uri(table), self.options, version)

    def version(self, table: TableSpec | str) -> int | None:
        """Its newest version, or None where nothing was written yet."""
        opened = self.table(table)
        return None if opened is None else opened.version()

    def scan(self, table: TableSpec | str, version: int | None = None) -> str:
        """A relation of DuckDB's SQL: the rows of a table at `version` (None: the newest when it is read)."""
        return duck.delta_scan(self.table_uri(table), version)

    def trail(self, table: TableSpec | str, after: int | None) -> Trail:
        """What changed after version `after` (None: everything ever) up to now."""
        opened = self.table(table)
        return Trail.nothing(None) if opened is None else read_trail(opened, after)

    # -- writing -----------------------------------------------------------------------------------------------------
    def create(self, table: TableSpec | str) -> DeltaTable:
        """The table of a spec, created empty if it is not there; safe when two processes create it at once."""
        spec = spec_at(table) if isinstance(table, str) else table
        return delta.create_table(self.table_uri(spec), self.options, spec.arrow_schema, spec.partition_by)

    def append(
        self,
        table: TableSpec | str,
        rows: delta.Rows,
        *,
        trail: Mapping[str, Any],
        transactions: Mapping[str, int] | None = None,
        at: DeltaTable | None = None,
    ) -> int:
        """Append rows in one commit and return its version.

        `trail` is the "tenure" part of the commit's metadata; `transactions` are app id → version markers. `at` pins
        the snapshot the caller decided on: a conflicting commit since then raises CommitFailedError.
        """
        return delta.write(at or self.create(table), rows, delta.commit(trail, transactions), mode="append")

    def append_once(
        self,
        table: TableSpec | str,
        make_rows: Callable[[DeltaTable], pa.Table | None],
        *,
        markers: Mapping[str, int | None],
        trail: Mapping[str, Any] | Callable[[pa.Table], Mapping[str, Any]],
        lost: TenureError,
        at: DeltaTable | None = None,
    ) -> pa.Table | None:
        """Append what the table lacks, once, whoever else writes it; what `make_rows` gave for the commit that won.

        `make_rows` looks at a version of the table, which it gets, and makes the rows to be written; none or None:
        there is nothing to do. Where a commit with one of our markers won since then, it looks again. `markers`: app
        id → the position that this commit stands for, or None for a number that only makes writers meet. `trail`: of
        the commit, or made of its rows. `at`: a version that is open already, for the first look. `lost` is raised
        where others won every time.
        """
        for _ in range(ATTEMPTS):
            try:
                target, at = at or self.create(table), None
                rows = make_rows(target)
                if rows is None or not rows.num_rows:
                    return rows
                positions = {
                    app: (target.transaction_version(app) or 0) + 1 if position is None else position
                    for app, position in markers.items()
                }
                metadata = trail(rows) if callable(trail) else trail
                self.append(table, rows, trail=metadata, transactions=positions, at=target)
                return rows
            except CommitFailedError:
                continue
        raise lost

    def replace(
        self,
        table: TableSpec | str,
        rows: delta.Rows,
        slices: Slices | None,
        *,
        trail: Mapping[str, Any],
        transactions: Mapping[str, int] | None = None,
    ) -> int:
        """Replace the rows of `slices` (None: the whole table, schema too) by `rows` in one commit; its version."""
        spec = spec_at(table) if isinstance(table, str) else table
        how: dict[str, Any] = {"schema_mode": "overwrite", "partition_by": list(spec.partition_by)}
        if slices is not None:
            how = {"predicate": predicate(slices, spec.slice_column, spec.month_column)}
        return delta.write(self.create(spec), rows, delta.commit(trail, transactions), mode="overwrite", **how)

    def takes_files(self, table: TableSpec) -> bool:
        """Whether `replace_by_files` can be used: a local table whose columns and partitions are those of its spec.

        deltalake 1.6 commits files of another shape without a word, after which nobody can open the table.
        """
        if storage.is_remote(self.uri):
            return False
        target = self.create(table)
        same = target.schema().to_json() == Schema.from_arrow(table.arrow_schema).to_json()
        return same and list(target.metadata().partition_columns) == list(table.partition_by)

    def replace_by_files(
        self,
        table: TableSpec,
        files: Sequence[AddAction],
        *,
        trail: Mapping[str, Any],
        transactions: Mapping[str, int] | None = None,
    ) -> int:
        """Replace the whole table by Parquet files that lie below its address already; one commit, its version."""
        target = self.create(table)
        target.create_write_transaction(
            list(files),
            mode="overwrite",
            schema=target.schema(),
            partition_by=list(table.partition_by),
            commit_properties=delta.commit(trail, transactions),
        )
        return delta.latest(target)
