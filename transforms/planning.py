"""What a run has to do to one table: which slices, from which versions of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from transforms.definition import Input, Transform
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard
from warehouse_models.lake.slices import Slices, union, widen
from warehouse_models.lake.trail import Trail, last_metadata


@dataclass(frozen=True)
class Target:
    """The table that a transform writes in one shard."""

    lake: Lake
    shard: str
    transform: Transform

    @property
    def tables(self) -> Shard:
        """The tables of that shard."""
        return self.lake.shard(self.shard)

    def version(self) -> int | None:
        """The table's version now, None where there is no table."""
        return self.tables.version(self.transform.spec)

    def last_metadata(self) -> dict[str, Any] | None:
        """What the last run wrote into its commit, None where there was none."""
        table = self.tables.table(self.transform.spec)
        return None if table is None else last_metadata(table)


@dataclass(frozen=True)
class Refresh:
    """Whether a run computes everything anew (`is_full`), and of which tenants only; None: of all."""

    is_full: bool = False
    tenants: Iterable[str] | None = None


@dataclass(frozen=True)
class Plan:
    """What is to be done to a table: `slices` None means everything.

    `trails`: what changed in each input. `before`: the versions that the last run consumed. `whole`: tenants that are
    computed anew. `settings`: tenant → hash of the policies that its rows follow from. `epoch` counts full refreshes.
    """

    slices: Slices | None
    trails: Mapping[str, Trail]
    before: Mapping[str, int | None]
    own_version: int | None
    settings: Mapping[str, str]
    epoch: int
    whole: frozenset[str] = field(default=frozenset())
    has_new_rows: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done."""
        return self.slices is not None and not self.slices and not self.has_new_rows

    @property
    def versions(self) -> dict[str, int | None]:
        """The version of each input that the run reads."""
        return {address: trail.version for address, trail in self.trails.items()}


def make_plan(target: Target, refresh: Refresh, settings: Mapping[str, str]) -> Plan:
    """Compare the inputs with what the last run consumed. `settings`: tenant → hash, as they are now."""
    transform, last = target.transform, target.last_metadata()
    own_version = target.version()
    consumed: dict[str, int | None] = dict((last or {}).get("inputs", {}))
    trails = {}
    for address in transform.inputs:
        # An input that did not exist when it was consumed last is read from its first commit, never skipped.
        after = consumed.get(address) if last is not None else None
        trails[address] = _trail(target, address, after, was_consumed=last is not None and address in consumed)
    epoch = int((last or {}).get("epoch", 0)) + (1 if refresh.is_full else 0)
    everything = Plan(None, trails, consumed, own_version, settings, epoch)
    is_whole = refresh.is_full and refresh.tenants is None
    if last is None or last.get("definition") != transform.definition or is_whole:
        # A table that never had rows and still has no input stays absent rather than being created empty.
        is_there = any(trail.version is not None for trail in trails.values())
        return everything if is_there else replace(everything, slices={})
    if any(trail.full for trail in trails.values()):
        return everything
    asked = refresh.tenants if refresh.is_full and refresh.tenants is not None else ()
    changed = {tenant for tenant, value in settings.items() if last.get("settings", {}).get(tenant) != value}
    touched: list[Slices] = [dict.fromkeys(asked), dict.fromkeys(changed)]
    whole = frozenset(tenant for part in touched for tenant in part)
    for read in transform.inputs.values():
        if not read.touches_by_query and not read.new_rows:
            touched.append(_reached(transform, read, trails[read.address].slices))
    arrived = any(trails[read.address].batches for read in transform.inputs.values() if read.new_rows)
    return replace(everything, slices=union(touched), whole=whole, has_new_rows=arrived)


def needs_query(transform: Transform, plan: Plan) -> bool:
    """Whether `<table>.touched.sql` has to be asked which slices a change reaches."""
    return transform.touched_sql is not None and any(
        read.touches_by_query and not plan.trails[read.address].is_empty for read in transform.inputs.values()
    )


def _trail(target: Target, address: str, after: int | None, *, was_consumed: bool) -> Trail:
    if not was_consumed or after is not None:
        return target.tables.trail(address, after)
    # Consumed while absent: what is there now is new. A table computed for the first time names no slices, but only
    # tenants that have rows in it can be touched: the first landing of a file once recomputed every neighbour.
    trail = target.tables.trail(address, after=-1)
    table = target.tables.table(address, trail.version)
    if trail.full and table is not None and "tenant_id" in table.metadata().partition_columns:
        tenants = {partition["tenant_id"] for partition in table.partitions()}
        return replace(trail, full=False, slices=dict.fromkeys(tenants))
    return trail


def _reached(transform: Transform, read: Input, slices: Slices) -> Slices:
    """Output slices that changed input slices reach: the window of reading, turned round."""
    if transform.spec.slice_column is None or read.days is None:
        return dict.fromkeys(slices)
    return widen(slices, before=read.days[1], after=-read.days[0])
