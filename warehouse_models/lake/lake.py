"""The lake: the shards below one root, and the catalog's tables beside them.

    Lake(root) ── shard("pool") ─▶ Shard: its tables (`shard.py`)
               ── duck()        ─▶ a connection that reads them

Every address is made here, in `Lake` or `Shard`.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable

from warehouse_models import home
from warehouse_models.lake import delta, duck, storage
from warehouse_models.lake.shard import Shard


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

    def shard(self, name: str) -> Shard:
        """The tables of one shard."""
        return Shard(f"{self.root}/shards/{name}", self.storage_options)

    def catalog_uri(self, name: str) -> str:
        """Address of a catalog table (`tenants`, `shards`)."""
        return f"{self.root}/catalog/{name}"

    def open(self, uri: str, version: int | None = None) -> DeltaTable | None:
        """The Delta table at `uri`, or None where there is none yet."""
        return delta.open_table(uri, self.storage_options, version)

    def create_at(self, uri: str, schema: pa.Schema) -> DeltaTable:
        """The table at `uri`, created empty if it is not there; safe when two processes create it at once."""
        return delta.create_table(uri, self.storage_options, schema)

    def overwrite(self, table: DeltaTable, rows: pa.Table) -> int:
        """Replace all rows of a small table; its version. CommitFailedError: somebody wrote it since it was opened."""
        # No retries inside delta-rs: it would commit our rows over a change we have not read.
        return delta.write(table, rows, CommitProperties(max_commit_retries=0), mode="overwrite")

    def duck(self, **options: Any) -> Any:
        """A DuckDB connection that reads this lake; options as `duck.connect`."""
        return duck.connect(temp_directory=home.scratch(), **options)
