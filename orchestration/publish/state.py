"""One shard as its publication finds it: what was built, from which silver, and what is published of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from warehouse_models import home
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard
from warehouse_models.published.manifest import Manifest
from warehouse_models.published.publication import Pins, Publication


@dataclass(frozen=True)
class ShardState:
    """What every step of a publication looks at.

    `build`: connection to the shard's build database. `silver`: what the audited tables were built from; views are
    pinned to it, never to a newer commit. `published`: tenant → its publication in the manifest before. `runs`: tenant
    → its newest build run. `root`: folder of the published files. `now`: the time of this publication.
    """

    build: duckdb.DuckDBPyConnection
    lake: Lake
    silver: Pins
    published: Mapping[str, Publication] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    root: Path = field(default_factory=home.published_root)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def shard(self) -> str:
        """The shard that is published."""
        return self.silver.shard

    @property
    def tables(self) -> Shard:
        """The Delta tables of that shard."""
        return self.lake.shard(self.shard)

    @classmethod
    def read(cls, build: duckdb.DuckDBPyConnection, lake: Lake, shard: str, before: Manifest) -> ShardState:
        """The state of a shard; `before` is the manifest that is present."""
        consumed = dict(build.execute("select address, version from control.consumed").fetchall())
        runs = dict(build.execute("select tenant_id, max(run) from control.changes group by tenant_id").fetchall())
        return cls(build, lake, Pins(shard, consumed), before.of_shard(shard), runs)
