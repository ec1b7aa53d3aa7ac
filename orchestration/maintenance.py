"""Upkeep of a shard's tables: small files are merged, files that nobody can ask for any more are deleted.

    manifests pruned ─▶ compact ─▶ vacuum, except what a kept publication or the next run reads

A run leaves small files behind wherever it replaced some days; a few hundred runs later a query opens thousands of
them. Neither step changes a row or a kept version, and both can be killed and repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchestration.locks import OnWait, run_lock, shard_lock
from orchestration.publish.retention import pinned_versions, policy, prune
from warehouse_models import home
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import last_metadata
from warehouse_models.lake.upkeep import compact, vacuum
from warehouse_models.spec import TableSpec
from warehouse_models.specs import all_specs


@dataclass(frozen=True)
class Upkeep:
    """What was done to one table: files merged into how many, files deleted, active files now, seconds."""

    address: str
    merged: int
    into: int
    deleted: int
    files: int
    seconds: float


def maintain(
    lake: Lake, shard: str, *, on_table: Callable[[Upkeep], None] | None = None, on_wait: OnWait | None = None
) -> list[Upkeep]:
    """Compact and vacuum every table of a shard that exists; what was done, table by table.

    Waits for a run of the shard to end and keeps the next one waiting. Landings go on meanwhile. TenureError: the shard
    stays taken for too long.
    """
    done, tables = [], lake.shard(shard)
    with run_lock(shard, "maintenance", on_wait=on_wait), shard_lock(shard, "maintenance"):
        prune(home.published_root())
        kept = kept_versions(lake, shard)
        for spec in _tables():
            clock = time.monotonic()
            if tables.version(spec) is None:
                continue
            merged, into = compact(tables, spec, at_least=policy()["compact_from_files"])
            keep = kept.get(spec.address, set())
            deleted = vacuum(tables, spec, keep=keep, hours=policy()["vacuum_after_hours"])
            table = tables.table(spec)
            files = len(table.file_uris()) if table else 0
            done.append(Upkeep(spec.address, merged, into, deleted, files, time.monotonic() - clock))
            if on_table:
                on_table(done[-1])
    return done


def kept_versions(lake: Lake, shard: str) -> dict[str, set[int]]:
    """Address → Delta versions that may still be read: by a kept publication, or by the next run as its "before"."""
    kept = {
        address: set(versions) for address, versions in pinned_versions(home.published_root()).get(shard, {}).items()
    }
    for spec in all_specs().values():
        table = lake.shard(shard).table(spec)
        inputs = (last_metadata(table) or {}).get("inputs", {}) if table else {}
        _add(kept, inputs.items())
    if home.build_path(shard).exists():
        connection = duck.connect(home.build_path(shard))
        try:
            is_built = connection.execute("select 1 from duckdb_tables() where table_name = 'consumed'").fetchone()
            if is_built:
                _add(kept, connection.execute("select address, version from control.consumed").fetchall())
        finally:
            connection.close()
    return kept


def _add(kept: dict[str, set[int]], versions: Iterable[tuple[str, int | None]]) -> None:
    for address, version in versions:
        if version is not None:
            kept.setdefault(address, set()).add(version)


def _tables() -> list[TableSpec]:
    return [*all_specs().values(), *(mart.table for mart in gold_models.marts().values() if not mart.is_view)]
