"""Runs transforms: which slices are touched, what the text may see, one commit that carries its trail (DESIGN §4).

The rule for every table: day D of an input, read with a window of days (a, b), touches the output days D-b to D-a; the
text is run over the input days that those output days follow from; rows outside them are dropped; the slices are
replaced. A full refresh is the same text without restrictions, so it gives the same rows by construction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from transforms.definition import Transform, order, transforms
from transforms.engines.engine import Engine, Result
from transforms.engines.open import open_engine
from transforms.planning import Refresh, Target, make_plan, needs_query
from transforms.relations import Relations, expose_policies
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.slices import Slices, closed, predicate, union
from warehouse_models.lake.trail import encode_slices
from warehouse_models.policies import policy

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
    tenants_here = Catalog(lake).tenants(shard)
    reads = transform.policies
    settings = {t.tenant_id: policy.settings_hash(t.settings, reads) for t in tenants_here} if reads else {}
    target = Target(lake, shard, transform)
    plan = make_plan(target, Refresh(full_refresh, tenants), settings)
    skipped = TransformResult(address, plan.own_version, rows=0, slices=0, seconds=0.0, skipped=True)
    if plan.is_empty and not needs_query(transform, plan):
        return replace(skipped, seconds=time.perf_counter() - started)
    try:
        expose_policies(engine, transform, tenants_here)
        if plan.slices is not None and needs_query(transform, plan):
            touched = Relations(engine, target, plan).touched()
            plan = replace(plan, slices=union([plan.slices, touched]))
        if plan.is_empty:
            return replace(skipped, seconds=time.perf_counter() - started)
        version, rows, slices = _execute(Relations(engine, target, plan))
    finally:
        engine.reset()
    count = None if slices is None else sum(1 if dates is None else len(dates) for dates in slices.values())
    return TransformResult(address, version, rows, count, time.perf_counter() - started, skipped=False)


def _execute(relations: Relations) -> tuple[int, int, Slices | None]:
    """Compute the slices of a plan and commit them: (version, rows written, slices replaced)."""
    transform, plan, target = relations.transform, relations.plan, relations.target
    slices: Slices | None = None if plan.slices is None else closed(plan.slices)
    relations.expose_inputs(slices)
    sql, materialize = _columns(transform), transform.materialize
    if transform.upsert and slices is not None:
        sql, slices = relations.upserted(sql)
        materialize = ()
    elif slices is not None:
        sql = f"SELECT * FROM ({sql}) AS result WHERE {predicate(slices, transform.spec.slice_column)}"
    trail = {
        "definition": transform.definition,
        "epoch": plan.epoch,
        "engine": relations.engine.name,
        "inputs": plan.versions,
        "settings": plan.settings,
        "slices": encode_slices(slices),
    }
    app = f"tenure:{transform.address}:{transform.definition}:{plan.epoch}"
    result = Result(sql, slices, trail, transaction=(app, (plan.own_version or 0) + 1), materialize=materialize)
    version, rows = relations.engine.commit(target.tables, transform.spec, result)
    return version, rows, slices


def _columns(transform: Transform) -> str:
    """The text with exactly the columns of the spec, in its order and types: both engines write equal tables."""
    casts = ", ".join(f"CAST(`{c.name}` AS {c.type.upper()}) AS `{c.name}`" for c in transform.spec.columns)
    return f"SELECT {casts} FROM ({transform.sql}) AS computed"
