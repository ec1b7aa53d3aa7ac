"""What every asset of a run shares: the lake, the shard and its lock, the engine, and how much to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from orchestration.locks import run_lock
from orchestration.services.instance import PARTITION_TAG, PID_TAG

if TYPE_CHECKING:
    from orchestration.gold.dbt.process import DbtProcess
    from orchestration.gold.result import GoldResult
    from transforms.engines.engine import Engine
    from warehouse_models.lake.lake import Lake

# A shard is a partition. The keys are the shards of the catalog, synced at each run and by the sensor.
SHARDS = dg.DynamicPartitionsDefinition(name="shards")


class Pipeline(dg.ConfigurableResource):
    """The run's settings, and what it holds while it works. One object a run (runs execute in one process)."""

    engine: str = ""
    """`duckdb` or `spark` for bronze to silver; empty: TENURE_ENGINE, else duckdb."""
    full_refresh: bool = False
    """Compute everything anew instead of the touched slices."""
    tenants: list[str] = []
    """Restrict a full refresh to these tenants; empty: all of the shard."""
    full_audit: bool = False
    """Check all of the published history instead of what this run touched."""
    patience_seconds: int = 1800
    """How long to wait for another run on the same shard."""

    _lake: Lake | None = PrivateAttr(default=None)
    _engine: Engine | None = PrivateAttr(default=None)
    _gold: GoldResult | None = PrivateAttr(default=None)
    _dbt: DbtProcess | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Pipeline]:
        """Hold the run's shard from the first step to the last, and give the engine back at the end."""
        run = context.dagster_run
        shard = run.tags.get(PARTITION_TAG) if run else None
        if run is None or shard is None or context.instance is None:
            yield self
            return
        log = context.log.info if context.log else None
        with run_lock(shard, f"run {run.run_id[:8]}", patience=self.patience_seconds, on_wait=log):
            context.instance.add_run_tags(run.run_id, {PID_TAG: str(os.getpid())})
            try:
                if _builds_gold(run):
                    self._start_dbt(shard)
                yield self
            finally:
                self.close()

    @property
    def lake(self) -> Lake:
        """The lake of this TENURE_HOME."""
        if self._lake is None:
            from warehouse_models.lake.lake import Lake

            self._lake = Lake()
        return self._lake

    def open_engine(self) -> Engine:
        """The engine of this run, started at first use and shared by its transforms."""
        if self._engine is None:
            from transforms.engines.open import open_engine

            self._engine = open_engine(self.engine or os.environ.get("TENURE_ENGINE") or "duckdb", self.lake)
        return self._engine

    def _start_dbt(self, shard: str) -> None:
        from orchestration.gold.dbt.process import DbtProcess

        self._dbt = DbtProcess(shard)

    def take_dbt(self) -> DbtProcess | None:
        """The dbt process that has been starting since the run began, once; None: there is none (any more)."""
        taken, self._dbt = self._dbt, None
        return taken

    @property
    def gold(self) -> GoldResult | None:
        """What the gold step of this run found, for the publishing step; None where it was not part of the run."""
        return self._gold

    def hand_over(self, result: GoldResult) -> None:
        """Keep what the gold step found for the publishing step of the same run."""
        self._gold = result

    def only_tenants(self) -> list[str] | None:
        """Tenants to restrict a full refresh to, or None for all."""
        return list(self.tenants) or None

    def close(self) -> None:
        """Give the engine back, and end a dbt process that nobody took."""
        if (unused := self.take_dbt()) is not None:
            unused.close()
        if self._engine is not None:
            self._engine.close()
            self._engine = None


def _builds_gold(run: dg.DagsterRun) -> bool:
    """Whether the run's selection holds a gold table (no selection: all of its job's, which has them)."""
    return run.asset_selection is None or any(key.path[0] == "gold" for key in run.asset_selection)
