"""Silver to gold for one shard: prepare, dbt, audit.

    plan (Delta trails) ─▶ control schema ─▶ dbt run, in a process of its own ─▶ dbt test ─▶ a verdict a tenant

Run alone: `python -m orchestration.gold.build --shard pool [--full-refresh]`. Publishing is `orchestration/publish/`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import duckdb

from orchestration.audit.suites import bronze_in
from orchestration.audit.verdict import verdicts
from orchestration.gold import control
from orchestration.gold import history as gold_history
from orchestration.gold.audit import audit
from orchestration.gold.dbt.process import DbtProcess
from orchestration.gold.due import Due, due_tenants, forget_published
from orchestration.gold.plan import Plan, plan
from orchestration.gold.result import GoldResult, ModelResult
from orchestration.locks import shard_lock
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog, Tenant
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.published import replica
from warehouse_models.published.publication import Publication

OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class _Order:
    """What a run was asked to do: see run_gold."""

    lake: Lake
    shard: str
    full_refresh: bool
    only: list[str] | None
    full_audit: bool


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
    only = list(tenants) if tenants is not None else None
    order = _Order(lake, shard, full_refresh, only, full_audit)
    with shard_lock(shard, "a build"), dbt or DbtProcess(shard) as process:
        return _run(order, process, on_event or (lambda event: None))


def _run(order: _Order, dbt: DbtProcess, tell: OnEvent) -> GoldResult:
    clock = time.monotonic()
    tenants = Catalog(order.lake).tenants(order.shard)
    published = replica.present(home.published_root())[0].of_shard(order.shard)
    with closing(_open_build(order.shard)) as build:
        work = _plan(build, order, tenants, published)
        slugs = {tenant.tenant_id for tenant in tenants}
        due = due_tenants(build, published, work.tenants, slugs, full_audit=order.full_audit)
        judged = sorted(due.tenants)
        result = GoldResult(order.shard, work.run, full=work.full, reason=work.reason, tenants=tuple(judged))
        if work.is_empty and not judged:
            result.skipped = True
            return result
        for tenant in due.tenants & due.unpublished.keys():
            work.audited.setdefault(tenant, []).extend(due.unpublished[tenant])
        rows = [_publication(slug, last) for slug, last in sorted(published.items())]
        control.prepare(build, order.lake.shard(order.shard), tenants, work, publications=rows, audit_whole=due.whole)
        if work.is_empty:
            # Nothing to build, so dbt's hook will not say what to test.
            build.execute("delete from control.audit_scope")
            build.execute("insert into control.audit_scope select * from control.audit_extra")
    result.seconds["prepare"] = time.monotonic() - clock
    tell({"event": "plan", "full": work.full, "reason": work.reason, "tenants": sorted(work.tenants)})

    # Great Expectations looks at bronze while dbt works: its import alone takes seconds.
    with ThreadPoolExecutor(1) as pool:
        arrived = pool.submit(bronze_in, order.lake, order.shard, due.since)
        nodes = _dbt(dbt, work, due, tell, result)
        audit(result, nodes, arrived, {t.tenant_id for t in tenants if "tracking_plan" in t.settings})
    result.verdicts = verdicts(judged, result.checks, result.error)
    result.seconds["total"] = time.monotonic() - clock
    return result


def _open_build(shard: str) -> duckdb.DuckDBPyConnection:
    path = home.build_path(shard)
    path.parent.mkdir(parents=True, exist_ok=True)
    return duck.connect(path)


def _plan(
    build: duckdb.DuckDBPyConnection, order: _Order, tenants: list[Tenant], published: Mapping[str, Publication]
) -> Plan:
    """What the run builds; the build database has noted by then what was published since the last one."""
    control.create(build)
    run = time.time_ns() // 1000
    tables = order.lake.shard(order.shard)
    work = plan(build, tables, tenants, run=run, full_refresh=order.full_refresh, only=order.only)
    gold_history.note(build, order.lake, order.shard, published, {tenant.tenant_id for tenant in tenants})
    forget_published(build, published)
    return work


def _publication(slug: str, last: Publication) -> dict[str, Any]:
    """A row of control.publications."""
    columns = ("version", "figures_at", "checks_failed", "is_held", "held_reason", "event_lag_seconds")
    return {"tenant_id": slug, **{name: getattr(last, name) for name in columns}}


def _dbt(dbt: DbtProcess, work: Plan, due: Due, tell: OnEvent, result: GoldResult) -> list[dict[str, Any]]:
    """Let the dbt process build and test; its nodes. A failure of dbt itself lands in `result.error`.

    Half of the models and tests are about revenue; they are left out where no billing moved.
    """
    clock = time.monotonic()

    def on_event(event: dict[str, Any]) -> None:
        result.seconds.setdefault("dbt_start", time.monotonic() - clock)
        tell(event)

    # Held tenants, and runs that nobody published yet, are judged by every check.
    test_revenue = bool(work.has_revenue or due.whole or due.unpublished)
    order = {"run": not work.is_empty, "full_refresh": work.full, "test": True}
    order |= {"run_revenue": work.has_revenue, "test_revenue": test_revenue}
    nodes, result.error = dbt.run(order, on_event)
    for node in nodes:
        if node["kind"] == "model":
            result.models.append(ModelResult(node["name"], node["status"], node["seconds"], node["message"]))
            if node["status"] != "success" and result.error in (None, "a model failed"):
                result.error = f"model {node['name']}: {node['message'].strip()}"
    result.seconds["dbt"] = time.monotonic() - clock
    return nodes


def main() -> int:
    """`python -m orchestration.gold.build --shard pool`: one shard, without Dagster and without publishing."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--shard", default="pool")
    parser.add_argument("--full-refresh", action="store_true")
    parser.add_argument("--full-audit", action="store_true")
    arguments = parser.parse_args()
    result = run_gold(
        Lake(),
        arguments.shard,
        arguments.full_refresh,
        full_audit=arguments.full_audit,
        on_event=lambda event: print(json.dumps(event)),
    )
    red = {slug: verdict.reason for slug, verdict in result.verdicts.items() if not verdict.green}
    print(json.dumps({"skipped": result.skipped, "error": result.error, "red": red, "seconds": result.seconds}))
    return 0 if result.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
