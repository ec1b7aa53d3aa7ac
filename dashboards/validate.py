"""Checks the files without Superset or credentials: dashboard ─▶ chart ─▶ dataset ─▶ columns of the marts' contracts.

Empty marts are made out of the contracts in a DuckDB of our own; every dataset's SQL and every metric is then bound by
the engine that will run it, and passes the guard that will judge it. What is wrong is a list of sentences.
"""

from __future__ import annotations

from typing import Any

import duckdb

from dashboards.files import Assets, Dataset
from dashboards.needs import NEEDS
from dashboards.query_context import columns, metrics
from serving.guard import check
from warehouse_models.dbt.marts import marts
from warehouse_models.errors import TenureError

KNOWN_CHARTS = {
    "big_number", "big_number_total", "pop_kpi", "gauge_chart", "pie", "heatmap_v2", "waterfall",
    "echarts_timeseries_line", "echarts_timeseries_bar", "echarts_area", "table", "pivot_table_v2", "funnel",
    "treemap_v2",
}  # fmt: skip


def validate(assets: Assets) -> list[str]:
    """Every problem of the files as a sentence that names file and thing; empty where there is none."""
    problems = _datasets(assets.datasets)
    for slug, chart in assets.charts.items():
        problems += [f"charts/{slug}: {problem}" for problem in _chart(chart, assets.datasets)]
    for slug, dashboard in assets.dashboards.items():
        problems += [f"dashboards/{slug}: {problem}" for problem in _dashboard(dashboard, assets)]
    shown = {chart for slug in assets.dashboards for chart in assets.used_charts(slug)}
    problems += [f"charts/{slug}: no dashboard shows it" for slug in assets.charts if slug not in shown]
    for kind, live in (("charts", assets.charts), ("dashboards", assets.dashboards), ("datasets", assets.datasets)):
        buried = assets.tombstones.get(kind) or []
        problems += [f"tombstones: {kind}/{slug} is also a file" for slug in buried if slug in live]
    if not assets.rules:
        problems.append("rules: there is no row-level rule")
    return problems


def _datasets(datasets: dict[str, Dataset]) -> list[str]:
    problems = []
    connection = duckdb.connect()
    try:
        connection.execute("create schema marts")
        for name, mart in marts().items():
            declared = ", ".join(f'"{column.name}" {column.duckdb_type}' for column in mart.spec.columns)
            connection.execute(f"create table marts.{name} ({declared})")
        connection.execute("use marts")
        for slug, dataset in datasets.items():
            problems += [f"datasets/{slug}: {problem}" for problem in _dataset(connection, dataset)]
    finally:
        connection.close()
    return problems


def _dataset(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> list[str]:
    source = f"({dataset.sql}) as source" if dataset.sql else f"marts.{dataset.slug}"
    try:
        check(connection, f"select * from {source}", marts().keys())
        described = connection.execute(f"describe select * from {source}").fetchall()
    except TenureError as error:
        return [str(error)]
    except duckdb.Error as error:
        return [str(error).splitlines()[0]]
    problems = []
    selected = {name: kind for name, kind, *_ in described}
    declared = {name: column["type"] for name, column in dataset.columns.items()}
    if selected != declared:
        wrong = sorted(set(selected.items()) ^ set(declared.items()))
        problems.append(f"columns of the file and of the SQL differ: {wrong}")
    if "tenant_id" not in selected:
        problems.append("it has no tenant_id, which the row-level rule filters")
    if dataset.time_column and dataset.time_column not in selected:
        problems.append(f"its time column {dataset.time_column} is not there")
    for name, metric in dataset.metrics.items():
        statement = f"select {metric['sql']} as value from {source}"
        try:
            check(connection, statement, marts().keys())
            connection.execute(statement)
        except (TenureError, duckdb.Error) as error:
            problems.append(f"metric {name}: {str(error).splitlines()[0]}")
    return problems


def _chart(chart: dict[str, Any], datasets: dict[str, Dataset]) -> list[str]:
    dataset = datasets.get(chart.get("dataset", ""))
    if dataset is None:
        return [f"there is no dataset {chart.get('dataset')}"]
    params = chart.get("params", {})
    problems = []
    if chart.get("viz_type") not in KNOWN_CHARTS:
        problems.append(f"{chart.get('viz_type')} is no chart type in use here (dashboards/validate.py)")
    wanted = [column["sqlExpression"] if isinstance(column, dict) else column for column in columns(params)]
    wanted += [entry["subject"] for entry in params.get("adhoc_filters", []) if "subject" in entry]
    wanted += list(params.get("column_config", {}))
    wanted += [entry["column"] for entry in params.get("conditional_formatting", [])]
    names = {*dataset.columns, *dataset.metrics}
    problems += [f"{dataset.slug} has no column {name}" for name in wanted if name not in names]
    problems += [
        f"{dataset.slug} has no metric {name}; metrics live in the dataset's file"
        for name in metrics(params)
        if not isinstance(name, str) or name not in dataset.metrics
    ]
    return problems


def _dashboard(dashboard: dict[str, Any], assets: Assets) -> list[str]:
    problems = []
    cells = [cell for row in dashboard["rows"] for cell in row]
    problems += [f"there is no chart {c['chart']}" for c in cells if "chart" in c and c["chart"] not in assets.charts]
    for number, row in enumerate(dashboard["rows"], start=1):
        if sum(cell["width"] for cell in row) != 12:
            problems.append(f"row {number} is not 12 wide")
    roles = {role["name"] for role in assets.roles.values()}
    problems += [f"there is no role {role}" for role in dashboard["roles"] if role not in roles]
    if "needs" in dashboard and dashboard["needs"] not in list(NEEDS):
        problems.append(f"needs: {dashboard['needs']} is nothing that a tenant may have; one of {', '.join(NEEDS)}")
    charts = {cell["chart"] for cell in cells if "chart" in cell}
    filters = dashboard.get("filters", [])
    problems += [
        f"filter {entry['name']}: {problem}" for entry in filters for problem in _filter(entry, charts, assets)
    ]
    if not any(entry["kind"] == "time" for entry in filters) or not {"Segment", "CSM"} <= {e["name"] for e in filters}:
        problems.append("every dashboard has filters for period, Segment and CSM")
    shown = {assets.charts[chart]["dataset"] for chart in charts & assets.charts.keys()}
    if "data_status" not in shown:
        problems.append("every dashboard shows data_status")
    for source, targets in dashboard.get("drills", {}).items():
        problems += [f"drill: no chart {name} here" for name in (source, *targets) if name not in charts]
    return problems


def _filter(entry: dict[str, Any], charts: set[str], assets: Assets) -> list[str]:
    """Problems of one filter of a dashboard that shows these charts."""
    dataset, column = assets.datasets.get(entry.get("dataset", "")), entry.get("column")
    is_value = entry["kind"] == "value"
    problems = []
    if is_value and (dataset is None or entry["column"] not in dataset.columns):
        problems.append(f"there is no column {column} in {entry.get('dataset')}")
    problems += [f"no chart {chart} here" for chart in entry.get("not_on", []) if chart not in charts]
    if is_value:
        reached = charts - set(entry.get("not_on", []))
        problems += [
            f"chart {chart} has no column {column}"
            for chart in sorted(reached & assets.charts.keys())
            if column not in assets.datasets[assets.charts[chart]["dataset"]].columns
        ]
    return problems
