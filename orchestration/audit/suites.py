"""Great Expectations at the two borders: one suite a table, built from `rules.py`, over a frame of one row a tenant.

    bronze (rows landed since a tenant's last publication) ─▶ bronze_in ─┐
    marts (slices of the run, or everything)               ─▶ gold_out  ─┴▶ checks that name tenants

DuckDB counts, Great Expectations judges. Importing it takes seconds: it happens inside the functions, and `gold.py`
lets it overlap with dbt's own start.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from orchestration.audit.rules import Rule, bronze_rules, gold_rules
from orchestration.audit.verdict import Check
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.slices import Range, scans
from warehouse_models.specs import spec

# Tenant → ranges of days.
Scope = dict[str, list[Range]]
_SCANS = 24


def bronze_in(lake: Lake, shard: str, since: Mapping[str, datetime | None]) -> list[Check]:
    """Check what arrived for the tenants of `since`: rows landed at or after the time, or all (None).

    A row stays in view until a publication holds it, so a tenant cannot turn green by receiving something else.
    """
    # Imported here in any case, so that gold_out, which nothing overlaps with, finds it loaded.
    context = _context()
    connection = duck.connect()
    try:
        connection.execute("create table since (tenant_id varchar, since timestamptz)")
        if since:
            connection.executemany("insert into since values (?, ?)", list(since.items()))
        frames = {}
        for address, rules in _by_table(bronze_rules()).items():
            version = lake.shard(shard).version(address)
            if version is not None and since:
                relation = lake.shard(shard).scan(address, version)
                frames[address] = _frame(connection, _bronze_rows(relation, address, since), rules)
        return judge(bronze_rules(), frames, context)
    finally:
        connection.close()


def gold_out(build: duckdb.DuckDBPyConnection) -> list[Check]:
    """Check the marts of an open build database within control.audit_scope."""
    frames, scope = {}, _scope(build)
    for address, rules in _by_table(gold_rules()).items():
        mart = gold_models.marts()[address.rsplit("/", 1)[-1]]
        frames[address] = _frame(build, _mart_rows(mart, scope), rules)
    return judge(gold_rules(), frames)


def judge(rules: Sequence[Rule], frames: Mapping[str, Any], context: Any = None) -> list[Check]:
    """One check a rule. `frames`: address → pandas frame with tenant_id and one column a rule; no frame: no rows."""
    failing: dict[str, dict[str, int]] = {}
    filled = {address: frame for address, frame in frames.items() if len(frame)}
    if filled:
        context = context or _context()
        source = context.data_sources.add_pandas("lake")
        for address, frame in filled.items():
            wanted = [rule for rule in rules if rule.about == address]
            batch = source.add_dataframe_asset(address).add_batch_definition_whole_dataframe("now")
            validation = batch.get_batch(batch_parameters={"dataframe": frame}).validate(
                _suite(address, wanted),
                result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["tenant_id"]},
            )
            for outcome in validation.results:
                if outcome.exception_info and outcome.exception_info.get("raised_exception"):
                    raise RuntimeError(f"{address}: {outcome.exception_info.get('exception_message')}")
                name = outcome.expectation_config.kwargs["column"]
                failing[f"{address}.{name}"] = {
                    row["tenant_id"]: int(row[name]) for row in outcome.result.get("unexpected_index_list") or []
                }
    return [
        Check(rule.check, rule.kind, rule.about, rule.words, failing.get(f"{rule.about}.{rule.name}", {}))
        for rule in rules
    ]


def _suite(address: str, rules: Sequence[Rule]) -> Any:
    """The suite of one table: no tenant may have an offending row."""
    gx = great_expectations_module()
    expectations = [
        gx.expectations.ExpectColumnValuesToBeBetween(
            column=rule.name, min_value=0, max_value=0, meta={"words": rule.words}
        )
        for rule in rules
    ]
    return gx.ExpectationSuite(name=address, expectations=expectations)


def _context() -> Any:
    gx = great_expectations_module()
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def great_expectations_module() -> Any:
    """The library, without telemetry.

    It imports PySpark, which takes a process with an anonymous main module (a run of Dagster's daemon, a worker of
    pytest-xdist) for its own doctests and calls sys.exit(0): so the main module has a file while that happens.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    main = sys.modules["__main__"]
    anonymous = getattr(main, "__spec__", None) is None and not hasattr(main, "__file__")
    if anonymous:
        main.__file__ = __file__
    try:
        import great_expectations as gx
    finally:
        if anonymous:
            # Left there, a child that multiprocessing spawns would run this file as its main module.
            del main.__file__
    return gx


def _by_table(rules: Sequence[Rule]) -> dict[str, list[Rule]]:
    by_table: dict[str, list[Rule]] = {}
    for rule in rules:
        by_table.setdefault(rule.about, []).append(rule)
    return by_table


def _frame(connection: duckdb.DuckDBPyConnection, rows: str, rules: Sequence[Rule]) -> Any:
    counted = ", ".join(f"({rule.offending})::bigint as {rule.name}" for rule in rules)
    return connection.execute(f"select tenant_id, {counted} from ({rows}) group by tenant_id order by tenant_id").df()


def _bronze_rows(relation: str, address: str, since: Mapping[str, datetime | None]) -> str:
    """Rows of the tenants since their times; a literal bound besides, because Delta skips files by constants only."""
    times = list(since.values())
    bound = "true"
    if all(time is not None for time in times):
        first = min(time for time in times if time is not None)
        partitioned = "landed_date" in spec(address).partition_by
        bound = f"landed_at >= timestamptz '{first.isoformat()}'"
        bound += f" and landed_date >= date '{first.date()}'" if partitioned else ""
    return (
        f"select rows.* from {relation} as rows join since using (tenant_id) "
        f"where {bound} and (since.since is null or rows.landed_at >= since.since)"
    )


def _mart_rows(mart: gold_models.Mart, scope: Scope) -> str:
    """Rows of a mart in scope, with the period that the tenant's data covers."""
    by_day = mart.spec.slice_column if mart.slice_unit == "day" else None
    terms = scans(scope, by_day)
    if len(terms) > _SCANS:
        within = f" and mart_rows.{by_day} between scope.from_date and scope.to_date" if by_day else ""
        mine = f"scope.tenant_id = mart_rows.tenant_id{within}"
        terms = [f"exists (select 1 from control.audit_scope as scope where {mine})"]
    rows = " union all ".join(
        f"select * from marts.{mart.name} as mart_rows where {term}" for term in terms or ["false"]
    )
    return (
        "select rows.*, tenants.data_through as last_day, "
        f"date_trunc('{mart.slice_unit}', tenants.first_event_date)::date as first_day "
        f"from ({rows}) as rows join intermediate.int_tenants as tenants using (tenant_id)"
    )


def _scope(build: duckdb.DuckDBPyConnection) -> Scope:
    """control.audit_scope by tenant."""
    scope: Scope = {}
    rows = build.execute("select tenant_id, from_date, to_date from control.audit_scope order by all").fetchall()
    for tenant, first, last in rows:
        scope.setdefault(tenant, []).append((first, last))
    return scope
