"""Runs transforms: which slices are touched, what the text may see, one commit that carries its trail (DESIGN §4).

The rule for every table: day D of an input, read with a window of days (a, b), touches the output days D-b to D-a; the
text is run over the input days that those output days follow from; rows outside them are dropped; the slices are
replaced. A full refresh is the same text without restrictions, so it gives the same rows by construction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from transforms.definition import POLICY_RELATIONS, Input, Transform, order, transforms
from transforms.engine import Engine, open_engine
from warehouse_models import policy
from warehouse_models.catalog import Catalog, Tenant
from warehouse_models.lake import Lake
from warehouse_models.slices import Slices, closed, predicate, union, widen
from warehouse_models.specs import spec as spec_at
from warehouse_models.trail import Trail, encode_slices, last_metadata

OnEvent = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class TransformResult:
    """What a run did to one table: the version after it, rows written, slices replaced (None: all), seconds."""

    address: str
    version: int | None
    rows: int
    slices: int | None
    seconds: float
    skipped: bool


@dataclass(frozen=True)
class _Plan:
    """What is to be done to a table: `slices` None means everything."""

    slices: Slices | None
    versions: dict[str, int | None]
    trails: dict[str, Trail]
    before: dict[str, int | None]
    own_version: int | None
    whole: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        return self.slices is not None and not self.slices and not any(t.batches for t in self.trails.values())


def run_transforms(
    lake: Lake,
    shard: str,
    engine: str | Engine = "duckdb",
    *,
    full_refresh: bool = False,
    tenants: Iterable[str] | None = None,
    only: Iterable[str] | None = None,
    on_event: OnEvent | None = None,
) -> list[TransformResult]:
    """Bring the silver tables of a shard up to date, inputs first.

    `full_refresh` computes everything anew (of `tenants`, if given); `only` names addresses; `on_event` is called as
    (address, {"state": "started" | "done", …}) for progress. Running twice changes nothing.
    """
    runner = open_engine(engine, lake) if isinstance(engine, str) else engine
    chosen = [address for address in order() if only is None or address in set(only)]
    results = []
    try:
        for address in chosen:
            if on_event:
                on_event(address, {"state": "started"})
            result = run_transform(address, lake, shard, runner, full_refresh=full_refresh, tenants=tenants)
            if on_event:
                on_event(address, {"state": "done", "result": result})
            results.append(result)
    finally:
        if isinstance(engine, str):
            runner.close()
    return results


def run_transform(
    address: str,
    lake: Lake,
    shard: str,
    engine: Engine,
    *,
    full_refresh: bool = False,
    tenants: Iterable[str] | None = None,
) -> TransformResult:
    """Bring one silver table up to date with the current versions of its inputs."""
    started = time.perf_counter()
    transform = transforms()[address]
    known = Catalog(lake).tenants(shard)
    hashes = {t.tenant_id: policy.settings_hash(t.settings) for t in known} if transform.uses_policy else {}
    last = _last(lake, shard, transform)
    plan = _plan(lake, shard, transform, last, hashes, full_refresh, tenants)
    if plan.is_empty and not _needs_query(transform, plan):
        return TransformResult(address, plan.own_version, 0, 0, time.perf_counter() - started, skipped=True)
    try:
        _expose_policies(engine, transform, known)
        if plan.slices is not None and _needs_query(transform, plan):
            plan = replace(plan, slices=union([plan.slices, _queried(engine, lake, shard, transform, plan)]))
        if plan.is_empty:
            return TransformResult(address, plan.own_version, 0, 0, time.perf_counter() - started, skipped=True)
        version, rows, slices = _execute(engine, lake, shard, transform, plan, last, hashes, full_refresh)
    finally:
        engine.reset()
    count = None if slices is None else sum(1 if dates is None else len(dates) for dates in slices.values())
    return TransformResult(address, version, rows, count, time.perf_counter() - started, skipped=False)


# -- planning --------------------------------------------------------------------------------------------------------
def _last(lake: Lake, shard: str, transform: Transform) -> dict[str, Any] | None:
    table = lake.table(transform.spec, shard)
    return None if table is None else last_metadata(table)


def _plan(
    lake: Lake,
    shard: str,
    transform: Transform,
    last: dict[str, Any] | None,
    hashes: dict[str, str],
    full_refresh: bool,
    tenants: Iterable[str] | None,
) -> _Plan:
    own_version = lake.version(transform.spec, shard)
    consumed: dict[str, int | None] = dict((last or {}).get("inputs", {}))
    trails = {}
    for address in transform.inputs:
        # An input that did not exist when it was consumed last is read from its first commit, never skipped.
        after = consumed.get(address) if last is not None else None
        trails[address] = _trail(lake, shard, address, after, known=last is not None and address in consumed)
    versions = {address: trail.version for address, trail in trails.items()}
    everything = _Plan(None, versions, trails, consumed, own_version)
    if last is None or last.get("definition") != transform.definition or (full_refresh and tenants is None):
        # A table that never had rows and still has no input stays absent rather than being created empty.
        return everything if any(v is not None for v in versions.values()) else replace(everything, slices={})
    if any(trail.full for trail in trails.values()):
        return everything
    touched: list[Slices] = [{t: None for t in tenants}] if full_refresh and tenants is not None else []
    changed = {t for t, value in hashes.items() if last.get("settings", {}).get(t) != value}
    touched.append({t: None for t in changed})
    whole = frozenset(t for part in touched for t in part)
    for told in transform.inputs.values():
        if not told.touches_by_query and not told.new_rows:
            touched.append(_reached(transform, told, trails[told.address].slices))
    return _Plan(union(touched), versions, trails, consumed, own_version, whole)


def _trail(lake: Lake, shard: str, address: str, after: int | None, *, known: bool) -> Trail:
    if known and after is None:
        # Consumed while absent: everything that is there now is new, and its tenants tell themselves.
        found = lake.trail(address, shard, after=-1)
        return found
    return lake.trail(address, shard, after)


def _reached(transform: Transform, told: Input, slices: Slices) -> Slices:
    """Output slices that changed input slices reach: the window of reading, turned round."""
    if transform.spec.slice_column is None or told.days is None:
        return {tenant: None for tenant in slices}
    return widen(slices, before=told.days[1], after=-told.days[0])


def _needs_query(transform: Transform, plan: _Plan) -> bool:
    return transform.touched_sql is not None and any(
        told.touches_by_query and not plan.trails[told.address].is_empty for told in transform.inputs.values()
    )


def _queried(engine: Engine, lake: Lake, shard: str, transform: Transform, plan: _Plan) -> Slices:
    """Slices that `<table>.touched.sql` finds, looking only at tenants whose names may have changed."""
    names = union(plan.trails[told.address].slices for told in transform.inputs.values() if told.touches_by_query)
    scope = predicate({tenant: None for tenant in names}, None)
    for address, told in transform.inputs.items():
        spec, uri = spec_at(address), lake.table_uri(address, shard)
        if told.touches_by_query:
            engine.expose(spec.view, spec, uri, plan.versions[address], scope)
            engine.expose(f"{spec.view}__before", spec, uri, plan.before.get(address), scope)
        else:
            engine.expose(f"{spec.view}__all", spec, uri, plan.versions[address], scope)
    own = transform.spec
    engine.expose(f"{own.view}__self", own, lake.table_uri(own, shard), plan.own_version, scope)
    return _grouped(engine.rows(transform.touched_sql or ""))


def _grouped(rows: Iterable[tuple[Any, ...]]) -> dict[str, frozenset[date] | None]:
    found: dict[str, set[date]] = {}
    for tenant, day in rows:
        found.setdefault(tenant, set()).add(day)
    return {tenant: frozenset(days) for tenant, days in found.items()}


# -- executing -------------------------------------------------------------------------------------------------------
def _execute(
    engine: Engine,
    lake: Lake,
    shard: str,
    transform: Transform,
    plan: _Plan,
    last: dict[str, Any] | None,
    hashes: dict[str, str],
    full_refresh: bool,
) -> tuple[int, int, Slices | None]:
    slices = None if plan.slices is None else closed(plan.slices)
    _expose_inputs(engine, lake, shard, transform, plan, slices)
    sql = _columns(transform, transform.sql)
    if transform.upsert and slices is not None:
        sql, slices = _upserted(engine, transform, plan, sql)
    elif slices is not None:
        sql = f"SELECT * FROM ({sql}) AS result WHERE {predicate(slices, transform.spec.slice_column)}"
    epoch = int((last or {}).get("epoch", 0)) + (1 if full_refresh else 0)
    run = (plan.own_version or 0) + 1
    trail = {
        "definition": transform.definition,
        "epoch": epoch,
        "engine": engine.name,
        "inputs": plan.versions,
        "settings": hashes,
        "slices": encode_slices(slices),
    }
    app = f"tenure:{transform.address}:{transform.definition}:{epoch}"
    version, rows = engine.commit(
        lake,
        transform.spec,
        shard,
        sql,
        slices,
        trail=trail,
        transaction=(app, run),
        materialize=transform.materialize,
    )
    return version, rows, slices


def _columns(transform: Transform, sql: str) -> str:
    """The text with exactly the columns of the spec, in its order and types: both engines write equal tables."""
    casts = ", ".join(f"CAST(`{c.name}` AS {c.type.upper()}) AS `{c.name}`" for c in transform.spec.columns)
    return f"SELECT {casts} FROM ({sql}) AS computed"


def _expose_inputs(
    engine: Engine, lake: Lake, shard: str, transform: Transform, plan: _Plan, slices: Slices | None
) -> None:
    for address, told in transform.inputs.items():
        spec, uri, version = spec_at(address), lake.table_uri(address, shard), plan.versions[address]
        where = None
        if slices is not None:
            if told.new_rows:
                where = _new_rows(plan, address)
            elif told.days is None or spec.slice_column is None or transform.spec.slice_column is None:
                where = predicate({tenant: None for tenant in slices}, None)
            else:
                window = widen(slices, before=-told.days[0], after=told.days[1])
                where = predicate(window, spec.slice_column, spec.month_column)
        engine.expose(spec.view, spec, uri, version, where)
        if transform.upsert:
            scope = None if slices is None else _landed_tenants(plan, address)
            engine.expose(f"{spec.view}__all", spec, uri, version, scope)
    if transform.upsert:
        own = transform.spec
        scope = "1 = 0" if slices is None else _own_scope(plan)
        engine.expose(f"{own.view}__self", own, lake.table_uri(own, shard), plan.own_version, scope)


def _new_rows(plan: _Plan, address: str) -> str:
    """Condition of the rows that landed since the last run, and of everything of the tenants to be computed anew."""
    trail = plan.trails[address]
    terms = []
    if trail.batches:
        days = ", ".join(f"DATE '{day}'" for day in sorted(trail.landed_dates))
        batches = ", ".join(f"'{batch}'" for batch in sorted(trail.batches))
        terms.append(f"(landed_date IN ({days}) AND batch_id IN ({batches}))")
    if plan.whole:
        terms.append(predicate({tenant: None for tenant in plan.whole}, None))
    return " OR ".join(terms) if terms else "1 = 0"


def _landed_tenants(plan: _Plan, address: str) -> str:
    return predicate({tenant: None for tenant in {*plan.trails[address].slices, *plan.whole}}, None)


def _own_scope(plan: _Plan) -> str:
    """Rows of its own table that new copies can meet: those of tenants that landed, unless computed anew."""
    landed = {tenant for trail in plan.trails.values() for tenant in trail.slices}
    return predicate({tenant: None for tenant in landed - plan.whole}, None)


def _upserted(engine: Engine, transform: Transform, plan: _Plan, sql: str) -> tuple[str, Slices]:
    """SELECT of the new contents of the slices that new winners enter or leave, and those slices."""
    spec = transform.spec
    engine.stage("upserted", sql, transform.materialize)
    mine, day = f"{spec.view}__self", spec.slice_column
    same = " AND ".join(f"s.{name} = u.{name}" for name in ("tenant_id", "message_key", "message_id"))
    found = _grouped(
        engine.rows(
            f"SELECT DISTINCT tenant_id, {day} FROM upserted "
            f"UNION SELECT s.tenant_id, s.{day} FROM {mine} AS s INNER JOIN upserted AS u ON {same}"
        )
    )
    slices = closed(union([found, {tenant: None for tenant in plan.whole}]))
    names = ", ".join(f"`{c.name}`" for c in spec.columns)
    kept = ", ".join(f"s.`{c.name}`" for c in spec.columns)
    where = predicate({t: dates for t, dates in slices.items() if dates is not None}, day, spec.month_column)
    return (
        f"SELECT {names} FROM upserted UNION ALL SELECT {kept} FROM (SELECT * FROM {mine} WHERE {where}) AS s "
        f"LEFT ANTI JOIN upserted AS u ON {same}",
        slices,
    )


def _expose_policies(engine: Engine, transform: Transform, tenants: list[Tenant]) -> None:
    if transform.uses_policy:
        for name, rows in policy.settings_tables((t.tenant_id, t.settings) for t in tenants).items():
            if name in POLICY_RELATIONS and transform.sees(name):
                engine.expose_rows(name, rows)
