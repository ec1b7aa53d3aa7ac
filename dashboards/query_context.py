"""The query behind a chart, out of its parameters: what the browser would ask, for the API, reports and tests.

Only what decides the rows is here (columns, metrics, time, order, limit); how the browser reshapes them is not.
"""

from __future__ import annotations

import json
from typing import Any


def query_context(params: dict[str, Any], dataset_id: int, chart_id: int | None = None) -> dict[str, Any]:
    """Body of POST /api/v1/chart/data for a chart with these `params` (form data) over a dataset."""
    filters = [
        {"col": entry["subject"], "op": entry["operator"], "val": entry["comparator"]}
        for entry in params.get("adhoc_filters", [])
        if "subject" in entry
    ]
    query: dict[str, Any] = {
        "columns": columns(params),
        "metrics": metrics(params),
        "filters": filters,
        "extras": {"having": _sql_filter(params, "HAVING"), "where": _sql_filter(params, "WHERE"), **_grain(params)},
        "applied_time_extras": {},
        "row_limit": int(params.get("row_limit") or 10_000),
        "orderby": [list(_parsed(entry)) for entry in params.get("order_by_cols", [])],
        "time_offsets": _offsets(params),
        "annotation_layers": [],
        "url_params": {},
        "custom_params": {},
        "custom_form_data": {},
    }
    if query["columns"] and not query["metrics"]:
        query["metrics"] = None if params.get("query_mode") == "raw" else []
    return {
        "datasource": {"id": dataset_id, "type": "table"},
        "force": False,
        "queries": [query],
        "form_data": {**params, "slice_id": chart_id},
        "result_format": "json",
        "result_type": "full",
    }


def metrics(params: dict[str, Any]) -> list[Any]:
    """Metrics of the chart, whatever its type calls them."""
    listed = []
    for key in ("metric", "metrics", "size"):
        value = params.get(key)
        listed += value if isinstance(value, list) else [value] if value else []
    return listed


def columns(params: dict[str, Any]) -> list[Any]:
    """Columns the chart groups by or lists; the time axis with its grain first."""
    if params.get("query_mode") == "raw":
        return list(params.get("all_columns", []))
    listed: list[Any] = []
    axis = params.get("x_axis")
    if axis:
        grain = params.get("time_grain_sqla")
        base = {"label": axis, "sqlExpression": axis, "expressionType": "SQL", "columnType": "BASE_AXIS"}
        listed.append({**base, "timeGrain": grain} if grain else axis)
    groupby = params.get("groupby") or []
    listed += groupby if isinstance(groupby, list) else [groupby]
    return listed


def _sql_filter(params: dict[str, Any], clause: str) -> str:
    """The filters that are SQL themselves, of one clause, as the browser joins them."""
    entries = [each for each in params.get("adhoc_filters", []) if "sqlExpression" in each and each["clause"] == clause]
    return " AND ".join(f"({entry['sqlExpression']})" for entry in entries)


def _grain(params: dict[str, Any]) -> dict[str, Any]:
    return {"time_grain_sqla": params["time_grain_sqla"]} if params.get("time_grain_sqla") else {}


def _offsets(params: dict[str, Any]) -> list[str]:
    compared = params.get("time_compare") or []
    return compared if isinstance(compared, list) else [compared]


def _parsed(entry: Any) -> tuple[str, bool]:
    column, ascending = json.loads(entry) if isinstance(entry, str) else entry
    return column, bool(ascending)
