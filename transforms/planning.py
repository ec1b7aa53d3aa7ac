"""What a run has to do to one table: which slices, from which versions of its inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from transforms.definition import Input, Transform
from transforms.engines.engine import Engine
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.slices import Slices, conditions, union, widen
from warehouse_models.lake.trail import Trail, last_metadata
from warehouse_models.specs import spec as spec_at


@dataclass(frozen=True)
class Plan:
    """What is to be done to a table: `slices` None means everything."""

    slices: Slices | None
    versions: dict[str, int | None]
    trails: dict[str, Trail]
    before: dict[str, int | None]
    own_version: int | None
    whole: frozenset[str] = frozenset()
    has_new_rows: bool = False

    @property
    def is_empty(self) -> bool:
        return self.slices is not None and not self.slices and not self.has_new_rows


def last_run(lake: Lake, shard: str, transform: Transform) -> dict[str, Any] | None:
    table = lake.table(transform.spec, shard)
    return None if table is None else last_metadata(table)


def make_plan(
    lake: Lake,
    shard: str,
    transform: Transform,
    last: dict[str, Any] | None,
    hashes: dict[str, str],
    full_refresh: bool,
    tenants: Iterable[str] | None,
) -> Plan:
    own_version = lake.version(transform.spec, shard)
    consumed: dict[str, int | None] = dict((last or {}).get("inputs", {}))
    trails = {}
    for address in transform.inputs:
        # An input that did not exist when it was consumed last is read from its first commit, never skipped.
        after = consumed.get(address) if last is not None else None
        trails[address] = _trail(lake, shard, address, after, known=last is not None and address in consumed)
    versions = {address: trail.version for address, trail in trails.items()}
    everything = Plan(None, versions, trails, consumed, own_version)
    if last is None or last.get("definition") != transform.definition or (full_refresh and tenants is None):
        # A table that never had rows and still has no input stays absent rather than being created empty.
        return everything if any(v is not None for v in versions.values()) else replace(everything, slices={})
    if any(trail.full for trail in trails.values()):
        return everything
    touched: list[Slices] = [dict.fromkeys(tenants)] if full_refresh and tenants is not None else []
    changed = {t for t, value in hashes.items() if last.get("settings", {}).get(t) != value}
    touched.append(dict.fromkeys(changed))
    whole = frozenset(t for part in touched for t in part)
    for told in transform.inputs.values():
        if not told.touches_by_query and not told.new_rows:
            touched.append(_reached(transform, told, trails[told.address].slices))
    arrived = any(trails[told.address].batches for told in transform.inputs.values() if told.new_rows)
    return Plan(union(touched), versions, trails, consumed, own_version, whole, arrived)


def _trail(lake: Lake, shard: str, address: str, after: int | None, *, known: bool) -> Trail:
    if known and after is None:
        # Consumed while absent: what is there now is new. A table computed for the first time names no slices, but only
        # tenants that have rows in it can be touched: the first landing of a file once recomputed every neighbour.
        found = lake.trail(address, shard, after=-1)
        table = lake.table(address, shard, found.version)
        if found.full and table is not None and "tenant_id" in table.metadata().partition_columns:
            tenants = {partition["tenant_id"] for partition in table.partitions()}
            return replace(found, full=False, slices=dict.fromkeys(tenants))
        return found
    return lake.trail(address, shard, after)


def _reached(transform: Transform, told: Input, slices: Slices) -> Slices:
    """Output slices that changed input slices reach: the window of reading, turned round."""
    if transform.spec.slice_column is None or told.days is None:
        return dict.fromkeys(slices)
    return widen(slices, before=told.days[1], after=-told.days[0])


def needs_query(transform: Transform, plan: Plan) -> bool:
    return transform.touched_sql is not None and any(
        told.touches_by_query and not plan.trails[told.address].is_empty for told in transform.inputs.values()
    )


def queried(engine: Engine, lake: Lake, shard: str, transform: Transform, plan: Plan) -> Slices:
    """Slices that `<table>.touched.sql` finds, looking only at tenants whose names may have changed."""
    names = union(plan.trails[told.address].slices for told in transform.inputs.values() if told.touches_by_query)
    scope = conditions(dict.fromkeys(names), None)
    for address, told in transform.inputs.items():
        spec, uri = spec_at(address), lake.table_uri(address, shard)
        if told.touches_by_query:
            engine.expose(spec.view, spec, uri, plan.versions[address], scope)
            engine.expose(f"{spec.view}__before", spec, uri, plan.before.get(address), scope)
        else:
            engine.expose(f"{spec.view}__all", spec, uri, plan.versions[address], scope)
    own = transform.spec
    engine.expose(f"{own.view}__self", own, lake.table_uri(own, shard), plan.own_version, scope)
    return grouped(engine.rows(transform.touched_sql or ""))


def grouped(rows: Iterable[tuple[Any, ...]]) -> dict[str, frozenset[date] | None]:
    found: dict[str, set[date]] = {}
    for tenant, day in rows:
        found.setdefault(tenant, set()).add(day)
    return {tenant: frozenset(days) for tenant, days in found.items()}
