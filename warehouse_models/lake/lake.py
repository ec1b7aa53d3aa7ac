"""The lake: the one place that turns a spec and a shard into an address, and reads or commits Delta.

    Lake(root) ── table_uri("silver/product/sessions", "pool") ─▶ <root>/shards/pool/silver/product/sessions
               ── append / replace ─▶ one Delta commit that carries its trail (what it consumed, what it changed)
               ── trail(address, shard, after) ─▶ what changed since a version, without diffing files

Every commit of ours carries `userMetadata` = {"tenure": {...}} (Spark writes the same key), see `trail.py`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction

from warehouse_models import home
from warehouse_models.lake import duck, storage
from warehouse_models.lake.slices import Slices, predicate
from warehouse_models.lake.trail import Trail, last_metadata, read_trail
from warehouse_models.spec import TableSpec
from warehouse_models.specs import spec as spec_at

# The log is what the next table reads, so it must outlive any pause between two runs; delta's default is 30 days.
_CONFIGURATION: Mapping[str, str] = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.checkpointInterval": "50",
}
_WRITER = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=131_072)


class Lake:
    """Delta tables of every shard below one root: a folder, or `s3://bucket/prefix` (`storage.py`).

    TenureError where the root is object storage that cannot be reached.
    """

    def __init__(self, root: str | None = None) -> None:
        self.root = (root or home.lake_root()).rstrip("/")
        self.storage_options = storage.options(self.root)
        if self.is_remote:
            storage.store(self.root)

    @property
    def is_remote(self) -> bool:
        """Whether the lake is on object storage."""
        return self.storage_options is not None

    # -- addresses ---------------------------------------------------------------------------------------------------
    def shard_uri(self, shard: str) -> str:
        """Root of one shard."""
        return f"{self.root}/shards/{shard}"

    def table_uri(self, table: TableSpec | str, shard: str) -> str:
        """Address of a table in a shard; `table` is a spec or an address such as `gold/dim_accounts`."""
        address = table if isinstance(table, str) else table.address
        return f"{self.shard_uri(shard)}/{address}"

    def catalog_uri(self, name: str) -> str:
        """Address of a catalog table (`tenants`, `shards`)."""
        return f"{self.root}/catalog/{name}"

    # -- reading -----------------------------------------------------------------------------------------------------
    def open(self, uri: str, version: int | None = None) -> DeltaTable | None:
        """The Delta table at `uri`, or None where there is none yet."""
        try:
            return DeltaTable(uri, version=version, storage_options=self.storage_options)
        except TableNotFoundError:
            return None

    def table(self, table: TableSpec | str, shard: str, version: int | None = None) -> DeltaTable | None:
        """The Delta table of a spec in a shard, or None where nothing was written yet."""
        return self.open(self.table_uri(table, shard), version)

    def version(self, table: TableSpec | str, shard: str) -> int | None:
        """Latest version, or None where nothing was written yet."""
        found = self.table(table, shard)
        return None if found is None else found.version()

    def trail(self, table: TableSpec | str, shard: str, after: int | None) -> Trail:
        """What changed after version `after` (None: everything ever) up to now."""
        found = self.table(table, shard)
        return Trail.nothing(None) if found is None else read_trail(found, after)

    def duck(self, **options: Any) -> Any:
        """A DuckDB connection that can `delta_scan` this lake; options as `duck.connect`."""
        return duck.connect(temp_directory=home.scratch(), **options)

    # -- writing -----------------------------------------------------------------------------------------------------
    def create(self, table: TableSpec, shard: str) -> DeltaTable:
        """The table of a spec, created empty if it is not there; safe when two processes create it at once."""
        return self.create_at(self.table_uri(table, shard), table.arrow_schema, table.partition_by)

    def create_at(self, uri: str, schema: pa.Schema, partition_by: Sequence[str] = ()) -> DeltaTable:
        """The table at `uri`, created empty if it is not there; safe when two processes create it at once."""
        try:
            return DeltaTable.create(
                uri,
                schema=schema,
                mode="ignore",
                partition_by=list(partition_by),
                configuration=dict(_CONFIGURATION),
                storage_options=self.storage_options,
                # A retry would commit the table's metadata once more, as version 1, against which appends conflict.
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except CommitFailedError:
            # deltalake 1.6 looks first and then writes version 0; whoever comes second gets this error instead of the
            # table (373 of 400 rounds of four threads).
            found = self.open(uri)
            if found is None:
                raise
            return found

    def append(
        self,
        table: TableSpec | str,
        shard: str,
        data: pa.Table | pa.RecordBatchReader,
        *,
        trail: Mapping[str, Any],
        transactions: Mapping[str, int] | None = None,
        at: DeltaTable | None = None,
    ) -> int:
        """Append rows in one commit and return its version.

        `trail` is the "tenure" part of the commit's metadata; `transactions` are app id → version markers. `at` pins
        the snapshot the caller decided on: a conflicting commit since then raises CommitFailedError.
        """
        spec = spec_at(table) if isinstance(table, str) else table
        target = at or self.create(spec, shard)
        write_deltalake(
            target,
            data,
            mode="append",
            commit_properties=_commit(trail, transactions),
            writer_properties=_WRITER,
        )
        return self._version_after(target)

    def replace(
        self,
        table: TableSpec | str,
        shard: str,
        data: pa.Table | pa.RecordBatchReader,
        slices: Slices | None,
        *,
        trail: Mapping[str, Any],
        transactions: Mapping[str, int] | None = None,
    ) -> int:
        """Replace the rows of `slices` (None: the whole table, schema too) by `data` in one commit; its version."""
        spec = spec_at(table) if isinstance(table, str) else table
        target = self.create(spec, shard)
        if slices is None:
            write_deltalake(
                target,
                data,
                mode="overwrite",
                schema_mode="overwrite",
                partition_by=list(spec.partition_by),
                commit_properties=_commit(trail, transactions),
                writer_properties=_WRITER,
            )
        else:
            write_deltalake(
                target,
                data,
                mode="overwrite",
                predicate=predicate(slices, spec.slice_column, spec.month_column),
                commit_properties=_commit(trail, transactions),
                writer_properties=_WRITER,
            )
        return self._version_after(target)

    def takes_files(self, table: TableSpec, shard: str) -> bool:
        """Whether `replace_by_files` can be used: a local table whose columns and partitions are those of its spec.

        deltalake 1.6 commits files of another shape without a word, after which nobody can open the table.
        """
        if self.is_remote:
            return False
        target = self.create(table, shard)
        same = target.schema().to_json() == Schema.from_arrow(table.arrow_schema).to_json()
        return same and list(target.metadata().partition_columns) == list(table.partition_by)

    def replace_by_files(
        self,
        table: TableSpec,
        shard: str,
        files: Sequence[AddAction],
        *,
        trail: Mapping[str, Any],
        transactions: Mapping[str, int] | None = None,
    ) -> int:
        """Replace the whole table by Parquet files that lie below its address already; one commit, its version."""
        target = self.create(table, shard)
        target.create_write_transaction(
            list(files),
            mode="overwrite",
            schema=target.schema(),
            partition_by=list(table.partition_by),
            commit_properties=_commit(trail, transactions),
        )
        return self._version_after(target)

    # -- upkeep ------------------------------------------------------------------------------------------------------
    def compact(self, table: TableSpec, shard: str, *, at_least: int) -> tuple[int, int]:
        """Merge the small files of crowded partitions; (files removed, files added).

        No row changes, and readers of the trail find nothing new in the commit. The newest partition is left alone
        below `at_least` files: a month's file rewritten for each new day would copy its rows thirty times. A partition
        that somebody else wrote meanwhile waits for the next time.

        Not by deltalake's own compaction: of two at once (two hosts' nights) both commit in deltalake 1.6.6, and every
        row is there twice. A replacement by the same rows is refused like any other that lost.
        """
        target = self.table(table, shard)
        removed = added = 0
        if target is None:
            return 0, 0
        for chosen in _crowded(target, at_least):
            before = set(target.file_uris())
            with suppress(CommitFailedError):
                self._rewrite(table, shard, target, _condition(table, chosen))
                after = set(target.file_uris())
                removed, added = removed + len(before - after), added + len(after - before)
        return removed, added

    def _rewrite(self, table: TableSpec, shard: str, target: DeltaTable, where: str) -> None:
        """Replace the rows of some partitions by themselves, in the order of the slice column, in one commit."""
        schema = pa.schema(target.schema().to_arrow())
        names = ", ".join(f'"{field.name}"' for field in schema)
        order = f' ORDER BY tenant_id, "{table.slice_column}"' if table.slice_column else ""
        scan = f"delta_scan('{self.table_uri(table, shard)}', version := {target.version()})"
        # What the newest run said of its inputs holds on; what it replaced was told then.
        told = {} if table.layer == "bronze" else last_metadata(target) or {}
        with self.duck() as connection:
            rows = connection.execute(f"SELECT {names} FROM {scan} WHERE {where}{order}").to_arrow_reader(100_000)
            batches = (batch.cast(schema) for batch in rows)
            write_deltalake(
                target,
                pa.RecordBatchReader.from_batches(schema, batches),
                mode="overwrite",
                predicate=where,
                commit_properties=_commit({**told, "slices": {}}, None),
                writer_properties=_WRITER,
            )
        target.update_incremental()

    def vacuum(self, table: TableSpec, shard: str, *, keep: Collection[int], hours: int, dry_run: bool = False) -> int:
        """Delete files older than `hours` that neither the present version nor one of `keep` names; how many.

        Files of a commit that is still being written are younger than that, and so are those of a query in progress.
        """
        target = self.table(table, shard)
        if target is None:
            return 0
        gone = target.vacuum(
            retention_hours=hours,
            enforce_retention_duration=False,
            dry_run=dry_run,
            # Not only what the log calls removed: it forgets that after a week, and a kept version lives for 90 days.
            full=True,
            keep_versions=sorted(version for version in keep if version <= target.version()),
        )
        return len(gone)

    @staticmethod
    def _version_after(target: DeltaTable) -> int:
        target.update_incremental()
        return target.version()


def _crowded(table: DeltaTable, at_least: int) -> list[list[tuple[str, str, Any]]]:
    """Filters of the partitions to compact, one for each date they share: deltalake's filters are conjunctions.

    The newest date (landed day, month) is still written to and waits until it holds `at_least` files; an older one is
    merged as soon as it holds two, for it seldom changes again. Tables without a date wait as the newest does.
    """
    names = table.metadata().partition_columns
    files = pa.table(table.get_add_actions(flatten=True))
    if not names:
        return [[]] if files.num_rows >= at_least else []
    columns = [files.column(f"partition.{name}").to_pylist() for name in names]
    counts = Counter(zip(*columns, strict=True))
    dated = [index for index, column in enumerate(columns) if column and isinstance(column[0], date)]
    groups: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for partition in counts:
        groups[partition[dated[0]] if dated else None].append(partition)
    found = []
    for day, partitions in groups.items():
        needed = 2 if dated and day < max(groups) else at_least
        if chosen := [partition for partition in partitions if counts[partition] >= needed]:
            values = [sorted({str(value) for value in column}) for column in zip(*chosen, strict=True)]
            found.append([(name, "in", listed) for name, listed in zip(names, values, strict=True)])
    return found


def _condition(table: TableSpec, chosen: list[tuple[str, str, Any]]) -> str:
    """SQL of partition filters, in literals of the partitions' types."""
    terms = []
    for name, _, values in chosen:
        kind = "DATE " if table.column(name).type == "date" else ""
        listed = ", ".join(f"{kind}'{value}'" for value in values)
        terms.append(f"{name} IN ({listed})")
    return " AND ".join(terms) or "1 = 1"


def _commit(trail: Mapping[str, Any], transactions: Mapping[str, int] | None) -> CommitProperties:
    return CommitProperties(
        custom_metadata={"userMetadata": json.dumps({"tenure": trail}, sort_keys=True)},
        app_transactions=[Transaction(app, version) for app, version in (transactions or {}).items()],
        max_commit_retries=15,
    )
