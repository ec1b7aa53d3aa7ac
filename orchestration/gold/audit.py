"""The audit of a run: dbt's tests and Great Expectations' suites as checks that name tenants.

dbt's test nodes, with the SQL of their failing rows ─┐
Great Expectations on bronze (started earlier) ───────┼─▶ Check(name, …, tenant → failing rows)
Great Expectations on the marts ──────────────────────┘
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from typing import Any

import duckdb

from orchestration.audit.plan_misses import plan_misses
from orchestration.audit.suites import gold_out
from orchestration.audit.verdict import Check
from orchestration.gold.result import GoldResult
from warehouse_models import home
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck


def audit(
    result: GoldResult, nodes: Sequence[Mapping[str, Any]], arrived: Future[list[Check]], planned: set[str]
) -> None:
    """Note in `result` every check of a run, what misses the tracking plan, and how many rows the marts hold.

    `nodes`: what dbt ran. `arrived`: the checks of bronze. `planned`: tenants with a tracking plan.
    """
    _wait_for_bronze(arrived, result)
    clock = time.monotonic()
    with closing(duck.connect(home.build_path(result.shard))) as build:
        for node in nodes:
            if node["kind"] == "test":
                result.checks.append(_check(build, node, result))
        if result.error is None:
            result.checks.extend(gold_out(build))
            result.plan_misses = plan_misses(build, planned & set(result.tenants))
            result.models = [replace(model, rows=_rows(build, model.name)) for model in result.models]
    result.seconds["audit"] = time.monotonic() - clock


def _wait_for_bronze(arrived: Future[list[Check]], result: GoldResult) -> None:
    clock = time.monotonic()
    try:
        result.checks.extend(arrived.result())
    except Exception as error:  # whatever stops a check must hold the shard, never let it pass
        result.error = result.error or f"checks of bronze: {error}"
    result.seconds["bronze_in_wait"] = time.monotonic() - clock


def _check(build: duckdb.DuckDBPyConnection, node: Mapping[str, Any], result: GoldResult) -> Check:
    """A test of dbt as a check; one that could not run is an error of the whole run."""
    model = node["model"] or "gold"
    about = f"gold/{model}" if model in gold_models.marts() else model
    failing: dict[str, int] = {}
    words: dict[str, str] = {}
    if node["status"] == "error":
        result.error = result.error or f"check {node['name']}: {node['message'].strip()}"
    elif node["failures"]:
        failing, words = _failing(build, node["sql"])
    return Check(node["name"], "dbt", about, node["description"], failing, words)


def _failing(build: duckdb.DuckDBPyConnection, sql: str) -> tuple[dict[str, int], dict[str, str]]:
    """Tenant → failing rows of a test, and what they say themselves where the test has a column `words`."""
    columns = [column[0] for column in build.execute(f"select * from ({sql}) limit 0").description]
    words = "min(words)" if "words" in columns else "null"
    rows = build.execute(
        f"select tenant_id, count(*), {words} from ({sql}) group by tenant_id order by tenant_id"
    ).fetchall()
    return {tenant: count for tenant, count, _ in rows}, {tenant: text for tenant, _, text in rows if text}


def _rows(build: duckdb.DuckDBPyConnection, model: str) -> int | None:
    mart = gold_models.marts().get(model)
    if mart is None or mart.is_view:
        return None
    return int(build.execute(f"select count(*) from marts.{model}").fetchall()[0][0])
