"""Silver to gold for one shard: prepare, dbt, audit.

    plan (Delta trails) ─▶ control schema ─▶ dbt run, in a process of its own ─▶ dbt test ─▶ a verdict a tenant

Run alone: `python -m orchestration.gold.build --shard pool [--full-refresh]`. Publishing is `orchestration/publish/`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from orchestration.audit.plan_misses import plan_misses
from orchestration.audit.rules import checks_hash
from orchestration.audit.suites import bronze_in, gold_out
from orchestration.audit.verdict import Check, Verdict, verdicts
from orchestration.gold import control
from orchestration.gold import history as gold_history
from orchestration.gold.dbt_process import DbtProcess
from orchestration.gold.plan import BEGINNING, Plan, plan
from orchestration.locks import shard_lock
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.published import replica
from warehouse_models.published.publication import Publication

OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class ModelResult:
    """One dbt model of a run: `rows` it holds now (marts only, else None), seconds it took."""

    name: str
    status: str
    seconds: float
    message: str = ""
    rows: int | None = None


@dataclass
class GoldResult:
    """What one run did.

    `skipped`: nothing had moved. `full`: everything was built anew, for `reason`. `tenants`: whose data moved or waits
    to be published. `error`: a failure without a tenant, which holds the whole shard. `plan_misses`: tenant → source →
    recent events that miss the tracking plan. `seconds`: by step.
    """

    shard: str
    run: int
    skipped: bool = False
    full: bool = False
    reason: str = ""
    tenants: tuple[str, ...] = ()
    models: list[ModelResult] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    error: str | None = None
    plan_misses: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every tenant looked at is green."""
        return self.error is None and all(verdict.green for verdict in self.verdicts.values())


def run_gold(
    lake: Lake,
    shard: str,
    full_refresh: bool = False,
    tenants: Iterable[str] | None = None,
    on_event: OnEvent | None = None,
    *,
    full_audit: bool = False,
    dbt: DbtProcess | None = None,
) -> GoldResult:
    """Bring the shard's build database up to date with silver, test it, and give a verdict per tenant.

    `tenants` narrows a full refresh; everything new is always built. `full_audit` tests every row of every tenant (the
    daily run) instead of what moved. `dbt`: a process started earlier, else one of its own. A model that fails is told
    in `error`, not raised; TenureError: another run holds the shard.
    """
    tell = on_event or (lambda event: None)
    only = list(tenants) if tenants is not None else None
    with shard_lock(shard, "a build"), dbt or DbtProcess(shard) as process:
        return _run(lake, shard, full_refresh, only, tell, full_audit, process)


def _run(
    lake: Lake,
    shard: str,
    full_refresh: bool,
    only: list[str] | None,
    tell: OnEvent,
    full_audit: bool,
    dbt: DbtProcess,
) -> GoldResult:
    clock = time.monotonic()
    path = home.build_path(shard)
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog_tenants = Catalog(lake).tenants(shard)
    manifest, _ = replica.present(home.published_root())
    published = manifest.of_shard(shard)
    connection = duck.connect(path)
    try:
        run = time.time_ns() // 1000
        control.create(connection)
        made = plan(connection, lake, shard, catalog_tenants, run=run, full_refresh=full_refresh, only=only)
        known = {tenant.tenant_id for tenant in catalog_tenants}
        gold_history.note(connection, lake, shard, published, known)
        connection.executemany(
            "delete from control.changes where tenant_id = ? and run <= ?",
            [(slug, publication.run) for slug, publication in published.items()] or [("", 0)],
        )
        waiting = unpublished(connection, published)
        judged = {slug: publication.judged for slug, publication in published.items()}
        unjudged = {slug for slug, (run_, _) in waiting.items() if run_ > judged.get(slug, 0)}
        # A check that was mended judges those it held, although none of their data moved.
        rejudged = {slug for slug, last in published.items() if last.is_held and last.checks != checks_hash()}
        looked_at = (made.tenants | unjudged | rejudged | (known if full_audit else set())) & known
        result = GoldResult(shard, run, full=made.full, reason=made.reason, tenants=tuple(sorted(looked_at)))
        if made.is_empty and not looked_at:
            result.skipped = True
            return result
        for tenant in looked_at & set(waiting):
            made.audited.setdefault(tenant, []).extend(waiting[tenant][1])
        publications = [_publication(slug, entry) for slug, entry in sorted(published.items())]
        # Held tenants are tested whole: what holds one may lie in slices that this run does not touch.
        whole = looked_at if full_audit else {slug for slug in looked_at & set(published) if published[slug].is_held}
        control.prepare(connection, lake, shard, catalog_tenants, made, publications=publications, audit_whole=whole)
        if made.is_empty:
            # Nothing to build, so dbt's hook will not say what to test.
            connection.execute("delete from control.audit_scope")
            connection.execute("insert into control.audit_scope select * from control.audit_extra")
    finally:
        connection.close()
    result.seconds["prepare"] = time.monotonic() - clock
    tell({"event": "plan", "full": made.full, "reason": made.reason, "tenants": sorted(made.tenants)})

    # Great Expectations looks at bronze while dbt works: its import alone takes seconds.
    served = {slug: last.figures_at for slug, last in published.items() if slug not in whole}
    since = {slug: served.get(slug) for slug in sorted(looked_at)}
    with ThreadPoolExecutor(1) as pool:
        arrived = pool.submit(bronze_in, lake, shard, since)
        # Held tenants, and runs that nobody published yet, are judged by every check.
        nodes = _dbt(dbt, made, bool(made.has_revenue or whole or waiting), tell, result)
        _audit(shard, nodes, arrived, {t.tenant_id for t in catalog_tenants if "tracking_plan" in t.settings}, result)
    result.verdicts = verdicts(sorted(looked_at), result.checks, result.error)
    result.seconds["total"] = time.monotonic() - clock
    return result


def unpublished(
    connection: Any, published: Mapping[str, Publication]
) -> dict[str, tuple[int, list[tuple[date, date]]]]:
    """Tenant → (newest run, ranges of days) that earlier runs built and no publication holds yet."""
    found: dict[str, tuple[int, list[tuple[date, date]]]] = {}
    rows = connection.execute(
        "select tenant_id, run, coalesce(from_date, ?), coalesce(to_date, ?) from control.changes "
        "where scope in ('int_affected_days', 'int_affected_mrr_days', 'int_touched_tenants')",
        [BEGINNING, BEGINNING],
    ).fetchall()
    for tenant, run, first, last in rows:
        if run > (published[tenant].run if tenant in published else 0):
            newest, ranges = found.get(tenant, (0, []))
            found[tenant] = (max(newest, run), [*ranges, (first, last)])
    return found


def _publication(slug: str, last: Publication) -> dict[str, Any]:
    keys = ("version", "figures_at", "checks_failed", "is_held", "held_reason", "event_lag_seconds")
    return {"tenant_id": slug, **{key: getattr(last, key) for key in keys}}


def _dbt(dbt: DbtProcess, made: Plan, test_revenue: bool, tell: OnEvent, result: GoldResult) -> list[dict[str, Any]]:
    """Let the dbt process build and test; its nodes. A failure of dbt itself lands in `result.error`.

    Half of the models and tests are about revenue; they are left out where no billing moved.
    """
    clock = time.monotonic()

    def heard(told: dict[str, Any]) -> None:
        result.seconds.setdefault("dbt_start", time.monotonic() - clock)
        tell(told)

    wanted = {"run": not made.is_empty, "full_refresh": made.full, "test": True}
    wanted |= {"run_revenue": made.has_revenue, "test_revenue": test_revenue}
    nodes, result.error = dbt.run(wanted, heard)
    for node in nodes:
        if node["kind"] == "model":
            result.models.append(ModelResult(node["name"], node["status"], node["seconds"], node["message"]))
            if node["status"] != "success" and result.error in (None, "a model failed"):
                result.error = f"model {node['name']}: {node['message'].strip()}"
    result.seconds["dbt"] = time.monotonic() - clock
    return nodes


def _audit(
    shard: str, nodes: list[dict[str, Any]], arrived: Future[list[Check]], planned: set[str], result: GoldResult
) -> None:
    """Turn dbt's tests and Great Expectations' suites into checks that name tenants; add row counts of the marts.

    `planned`: tenants with a tracking plan.
    """
    clock = time.monotonic()
    try:
        result.checks.extend(arrived.result())
    except Exception as error:  # whatever stops a check must hold the shard, never let it pass
        result.error = result.error or f"checks of bronze: {error}"
    result.seconds["bronze_in_wait"] = time.monotonic() - clock
    clock = time.monotonic()
    connection = duck.connect(home.build_path(shard))
    try:
        for node in nodes:
            if node["kind"] != "test":
                continue
            about = node["model"] or "gold"
            about = f"gold/{about}" if about in gold_models.marts() else about
            failing: dict[str, int] = {}
            told: dict[str, str] = {}
            if node["status"] == "error":
                result.error = result.error or f"check {node['name']}: {node['message'].strip()}"
            elif node["failures"]:
                failing, told = _failing(connection, node["sql"])
            result.checks.append(Check(node["name"], "dbt", about, node["description"], failing, told))
        if result.error is None:
            result.checks.extend(gold_out(connection))
            result.plan_misses = plan_misses(connection, planned & set(result.tenants))
            result.models = [
                ModelResult(m.name, m.status, m.seconds, m.message, _rows(connection, m.name)) for m in result.models
            ]
    finally:
        connection.close()
    result.seconds["audit"] = time.monotonic() - clock


def _failing(connection: Any, sql: str) -> tuple[dict[str, int], dict[str, str]]:
    """Tenant → failing rows of a test, and what they say themselves where the test has a column `words`."""
    columns = [column[0] for column in connection.execute(f"select * from ({sql}) limit 0").description]
    words = "min(words)" if "words" in columns else "null"
    rows = connection.execute(
        f"select tenant_id, count(*), {words} from ({sql}) group by tenant_id order by tenant_id"
    ).fetchall()
    return {tenant: count for tenant, count, _ in rows}, {tenant: said for tenant, _, said in rows if said}


def _rows(connection: Any, model: str) -> int | None:
    mart = gold_models.marts().get(model)
    if mart is None or mart.is_view:
        return None
    return int(connection.execute(f"select count(*) from marts.{model}").fetchall()[0][0])


def main() -> int:
    """`python -m orchestration.gold.build --shard pool`: one shard, without Dagster and without publishing."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--shard", default="pool")
    parser.add_argument("--full-refresh", action="store_true")
    parser.add_argument("--full-audit", action="store_true")
    told = parser.parse_args()
    result = run_gold(
        Lake(),
        told.shard,
        told.full_refresh,
        full_audit=told.full_audit,
        on_event=lambda event: print(json.dumps(event)),
    )
    red = {slug: verdict.reason for slug, verdict in result.verdicts.items() if not verdict.green}
    print(json.dumps({"skipped": result.skipped, "error": result.error, "red": red, "seconds": result.seconds}))
    return 0 if result.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
