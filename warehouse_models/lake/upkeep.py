"""Upkeep of a shard's tables: small files merged, files that nobody names any more deleted. No row changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from contextlib import suppress
from datetime import date
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from warehouse_models import home
from warehouse_models.lake import delta, duck
from warehouse_models.lake.shard import Shard
from warehouse_models.lake.trail import last_metadata
from warehouse_models.spec import TableSpec

# Column → values of a partition: the partitions that one commit merges.
_Partitions = dict[str, list[str]]


def compact(shard: Shard, table: TableSpec, *, at_least: int) -> tuple[int, int]:
    """Merge the small files of crowded partitions; (files removed, files added).

    No row changes, and readers of the trail find nothing new in the commit. The newest partition is left alone
    below `at_least` files: a month's file rewritten for each new day would copy its rows thirty times. A partition
    that somebody else wrote meanwhile waits for the next time.

    Not by deltalake's own compaction: of two at once (two hosts' nights) both commit in deltalake 1.6.6, and every
    row is there twice. A replacement by the same rows is refused like any other that lost.
    """
    target = shard.table(table)
    removed = added = 0
    if target is None:
        return 0, 0
    for chosen in _crowded(target, at_least):
        before = set(target.file_uris())
        with suppress(CommitFailedError):
            _rewrite(shard, table, target, _condition(table, chosen))
            after = set(target.file_uris())
            removed, added = removed + len(before - after), added + len(after - before)
    return removed, added


def vacuum(shard: Shard, table: TableSpec, *, keep: Collection[int], hours: int, dry_run: bool = False) -> int:
    """Delete files older than `hours` that neither the present version nor one of `keep` names; how many.

    Files of a commit that is still being written are younger than that, and so are those of a query in progress.
    """
    target = shard.table(table)
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


def _rewrite(shard: Shard, table: TableSpec, target: DeltaTable, where: str) -> None:
    """Replace the rows of some partitions by themselves, in the order of the slice column, in one commit."""
    schema = pa.schema(target.schema().to_arrow())
    names = ", ".join(f'"{field.name}"' for field in schema)
    order = f' ORDER BY tenant_id, "{table.slice_column}"' if table.slice_column else ""
    scan = shard.scan(table, target.version())
    # What the newest run said of its inputs holds on; what it replaced was told then.
    metadata = {} if table.layer == "bronze" else last_metadata(target) or {}
    with duck.connect(temp_directory=home.scratch()) as connection:
        rows = connection.execute(f"SELECT {names} FROM {scan} WHERE {where}{order}").to_arrow_reader(100_000)
        merged = pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in rows))
        delta.write(target, merged, delta.commit({**metadata, "slices": {}}), mode="overwrite", predicate=where)


def _crowded(table: DeltaTable, at_least: int) -> list[_Partitions]:
    """The partitions to merge, one group for each date they share: a commit each.

    The newest date (landed day, month) is still written to and waits until it holds `at_least` files; an older one is
    merged as soon as it holds two, for it seldom changes again. Tables without a date wait as the newest does.
    """
    names = table.metadata().partition_columns
    files = pa.table(table.get_add_actions(flatten=True))
    if not names:
        return [{}] if files.num_rows >= at_least else []
    columns = [files.column(f"partition.{name}").to_pylist() for name in names]
    counts = Counter(zip(*columns, strict=True))
    dated = [index for index, column in enumerate(columns) if column and isinstance(column[0], date)]
    groups: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for partition in counts:
        groups[partition[dated[0]] if dated else None].append(partition)
    crowded = []
    for day, partitions in groups.items():
        needed = 2 if dated and day < max(groups) else at_least
        if chosen := [partition for partition in partitions if counts[partition] >= needed]:
            values = [sorted({str(value) for value in column}) for column in zip(*chosen, strict=True)]
            crowded.append(dict(zip(names, values, strict=True)))
    return crowded


def _condition(table: TableSpec, chosen: _Partitions) -> str:
    """SQL of the rows of partitions, in literals of the partitions' types."""
    terms = []
    for name, values in chosen.items():
        kind = "DATE " if table.column(name).type == "date" else ""
        listed = ", ".join(f"{kind}'{value}'" for value in values)
        terms.append(f"{name} IN ({listed})")
    return " AND ".join(terms) or "1 = 1"
