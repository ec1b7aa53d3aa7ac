"""Runs transforms: which slices are touched, what the text may see, one commit that carries its trail (DESIGN §4).

The rule for every table: day D of an input, read with a window of days (a, b), touches the output days D-b to D-a; the
text is run over the input days that those output days follow from; rows outside them are dropped; the slices are
replaced. A full refresh is the same text without restrictions, so it gives the same rows by construction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transforms.definition import Transform, order, transforms
from transforms.engines.engine import Engine, open_engine
from transforms.planning import Plan, grouped, last_run, make_plan, needs_query, queried
from warehouse_models.catalog.tenants import Catalog, Tenant
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.slices import Slices, closed, conditions, predicate, union, widen
from warehouse_models.lake.trail import encode_slices
from warehouse_models.policies import policy
from warehouse_models.specs import spec as spec_at

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
    reads = transform.policies
    hashes = {t.tenant_id: policy.settings_hash(t.settings, reads) for t in known} if reads else {}
    last = last_run(lake, shard, transform)
    plan = make_plan(lake, shard, transform, last, hashes, full_refresh, tenants)
    if plan.is_empty and not needs_query(transform, plan):
        return TransformResult(address, plan.own_version, 0, 0, time.perf_counter() - started, skipped=True)
    try:
        _expose_policies(engine, transform, known)
        if plan.slices is not None and needs_query(transform, plan):
            plan = replace(plan, slices=union([plan.slices, queried(engine, lake, shard, transform, plan)]))
        if plan.is_empty:
            return TransformResult(address, plan.own_version, 0, 0, time.perf_counter() - started, skipped=True)
        version, rows, slices = _execute(engine, lake, shard, transform, plan, last, hashes, full_refresh)
    finally:
        engine.reset()
    count = None if slices is None else sum(1 if dates is None else len(dates) for dates in slices.values())
    return TransformResult(address, version, rows, count, time.perf_counter() - started, skipped=False)


def _execute(
    engine: Engine,
    lake: Lake,
    shard: str,
    transform: Transform,
    plan: Plan,
    last: dict[str, Any] | None,
    hashes: dict[str, str],
    full_refresh: bool,
) -> tuple[int, int, Slices | None]:
    slices: Slices | None = None if plan.slices is None else closed(plan.slices)
    _expose_inputs(engine, lake, shard, transform, plan, slices)
    sql, materialize = _columns(transform, transform.sql), transform.materialize
    if transform.upsert and slices is not None:
        sql, slices = _upserted(engine, lake, shard, transform, plan, sql)
        materialize = ()
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
        materialize=materialize,
    )
    return version, rows, slices


def _columns(transform: Transform, sql: str) -> str:
    """The text with exactly the columns of the spec, in its order and types: both engines write equal tables."""
    casts = ", ".join(f"CAST(`{c.name}` AS {c.type.upper()}) AS `{c.name}`" for c in transform.spec.columns)
    return f"SELECT {casts} FROM ({sql}) AS computed"


def _expose_inputs(
    engine: Engine, lake: Lake, shard: str, transform: Transform, plan: Plan, slices: Slices | None
) -> None:
    for address, told in transform.inputs.items():
        spec, uri, version = spec_at(address), lake.table_uri(address, shard), plan.versions[address]
        where = None
        if slices is not None:
            if told.new_rows:
                where = _new_rows(plan, address)
            elif told.days is None or spec.slice_column is None or transform.spec.slice_column is None:
                where = conditions(dict.fromkeys(slices), None)
            else:
                window = widen(slices, before=-told.days[0], after=told.days[1])
                where = conditions(window, spec.slice_column, spec.month_column)
        engine.expose(spec.view, spec, uri, version, where)
        if transform.upsert:
            scope = None if slices is None else _landed_tenants(plan, address)
            engine.expose(f"{spec.view}__all", spec, uri, version, scope)
    if transform.upsert:
        _expose_met(engine, lake, shard, transform, plan, [] if slices is None else _own_scope(plan))


def _expose_met(engine: Engine, lake: Lake, shard: str, transform: Transform, plan: Plan, scope: Sequence[str]) -> None:
    """Make `<own view>__met` the rows of the table's own days on which it has a key that landed.

    All of its keys are looked at, because a message can come again after any time, and nothing else is: a scan of two
    narrow columns. Most of what landed is met nowhere, so few days are read in their width, or none.
    """
    own = transform.spec
    uri, day = lake.table_uri(own, shard), own.slice_column
    engine.expose(f"{own.view}__self", own, uri, plan.own_version, scope)
    met: Slices = {}
    if scope and plan.own_version is not None:
        landed = " UNION ALL ".join(f"SELECT tenant_id, message_key FROM {spec_at(i).view}" for i in transform.inputs)
        met = grouped(
            engine.rows(
                f"SELECT DISTINCT s.tenant_id, s.{day} FROM {own.view}__self AS s "
                f"LEFT SEMI JOIN ({landed}) AS n ON s.tenant_id = n.tenant_id AND s.message_key = n.message_key"
            )
        )
    engine.expose(f"{own.view}__met", own, uri, plan.own_version, conditions(met, day, own.month_column))


def _new_rows(plan: Plan, address: str) -> list[str]:
    """Conditions of the rows that landed since the last run, and of everything of the tenants to be computed anew."""
    trail = plan.trails[address]
    terms = []
    whole = conditions(dict.fromkeys(plan.whole), None)
    if trail.batches:
        days = ", ".join(f"DATE '{day}'" for day in sorted(trail.landed_dates))
        batches = ", ".join(f"'{batch}'" for batch in sorted(trail.batches))
        others = "".join(f" AND NOT {term}" for term in whole)
        terms.append(f"(landed_date IN ({days}) AND batch_id IN ({batches}){others})")
    return terms + whole


def _landed_tenants(plan: Plan, address: str) -> list[str]:
    return conditions(dict.fromkeys({*plan.trails[address].slices, *plan.whole}), None)


def _own_scope(plan: Plan) -> list[str]:
    """Rows of its own table that new copies can meet: those of tenants that landed, unless computed anew."""
    landed = {tenant for trail in plan.trails.values() for tenant in trail.slices}
    return conditions(dict.fromkeys(landed - plan.whole), None)


def _upserted(engine: Engine, lake: Lake, shard: str, transform: Transform, plan: Plan, sql: str) -> tuple[str, Slices]:
    """SELECT of the new contents of the slices that new winners enter or leave, and those slices."""
    spec = transform.spec
    engine.stage("upserted", sql, transform.materialize)
    day = spec.slice_column
    same = " AND ".join(f"s.{name} = u.{name}" for name in ("tenant_id", "message_key", "message_id"))
    found = grouped(
        engine.rows(
            f"SELECT DISTINCT tenant_id, {day} FROM upserted "
            f"UNION SELECT s.tenant_id, s.{day} FROM {spec.view}__met AS s INNER JOIN upserted AS u ON {same}"
        )
    )
    slices = closed(union([found, dict.fromkeys(plan.whole)]))
    names = ", ".join(f"`{c.name}`" for c in spec.columns)
    kept = ", ".join(f"s.`{c.name}`" for c in spec.columns)
    where = conditions({t: dates for t, dates in slices.items() if dates is not None}, day, spec.month_column)
    engine.expose(f"{spec.view}__slices", spec, lake.table_uri(spec, shard), plan.own_version, where)
    return (
        f"SELECT {names} FROM upserted UNION ALL SELECT {kept} FROM {spec.view}__slices AS s "
        f"LEFT ANTI JOIN upserted AS u ON {same}",
        slices,
    )


def _expose_policies(engine: Engine, transform: Transform, tenants: list[Tenant]) -> None:
    if wanted := transform.relations:
        tables = policy.settings_tables((t.tenant_id, t.settings) for t in tenants)
        for name in wanted:
            engine.expose_rows(name, tables[name])
