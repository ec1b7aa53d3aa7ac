"""Delta tables by their URI: opened, created, written. The only place that calls `write_deltalake`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

# What the storage of a lake needs to be reached by deltalake; None for a folder (`storage.options`).
Options: TypeAlias = dict[str, str] | None
Rows: TypeAlias = pa.Table | pa.RecordBatchReader

# The log is what the next table reads, so it must outlive any pause between two runs; delta's default is 30 days.
_CONFIGURATION: Mapping[str, str] = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.checkpointInterval": "50",
}
_WRITER = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=131_072)


def open_table(uri: str, options: Options, version: int | None = None) -> DeltaTable | None:
    """The table at `uri` at `version` (None: the newest), or None where there is none yet."""
    try:
        return DeltaTable(uri, version=version, storage_options=options)
    except TableNotFoundError:
        return None


def create_table(uri: str, options: Options, schema: pa.Schema, partition_by: Sequence[str] = ()) -> DeltaTable:
    """The table at `uri`, created empty if it is not there; safe when two processes create it at once."""
    try:
        return DeltaTable.create(
            uri,
            schema=schema,
            mode="ignore",
            partition_by=list(partition_by),
            configuration=dict(_CONFIGURATION),
            storage_options=options,
            # A retry would commit the table's metadata once more, as version 1, against which appends conflict.
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    except CommitFailedError:
        # deltalake 1.6 looks first and then writes version 0; whoever comes second gets this error instead of the
        # table (373 of 400 rounds of four threads).
        table = open_table(uri, options)
        if table is None:
            raise
        return table


def commit(trail: Mapping[str, Any], markers: Mapping[str, int] | None = None) -> CommitProperties:
    """A commit that carries its trail, and markers: app id → version, which the table remembers."""
    return CommitProperties(
        custom_metadata={"userMetadata": json.dumps({"tenure": trail}, sort_keys=True)},
        app_transactions=[Transaction(app, version) for app, version in (markers or {}).items()],
        # delta-rs's own: it tries anew where another's commit does not conflict. Where the two conflict,
        # `Shard.append_once` looks again.
        max_commit_retries=15,
    )


def write(table: DeltaTable, rows: Rows, properties: CommitProperties, **how: Any) -> int:
    """Write rows in one commit on the version that `table` has open; the commit's version, which is open afterwards.

    `how`: mode, predicate, schema_mode, partition_by of write_deltalake. CommitFailedError: a commit since contradicts.
    """
    write_deltalake(table, rows, commit_properties=properties, writer_properties=_WRITER, **how)
    return latest(table)


def latest(table: DeltaTable) -> int:
    """Open the newest version of the table, and say which it is."""
    table.update_incremental()
    return table.version()
