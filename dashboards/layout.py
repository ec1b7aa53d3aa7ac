"""A dashboard's rows and filters in our short form ─▶ Superset's position tree and native filter configuration.

A row is a list of cells: `{chart: slug, width: 1…12, height: units of 8 px}` or `{text: markdown, width, height}`; a
filter is `{name, kind: time|value, column, dataset, not_on: [charts], default}`. A value filter with a default
always has exactly one value: what it stands for cannot be added up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Placed:
    """A chart on a dashboard. The importer turns its number there into the chart's real id."""

    number: int
    title: str
    uuid: str


def position(title: str, rows: list[list[dict[str, Any]]], charts: dict[str, Placed]) -> dict[str, Any]:
    """The position tree; `charts` by slug."""
    tree: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": title}},
    }
    for index, row in enumerate(rows):
        row_id = f"ROW-{index}"
        tree["GRID_ID"]["children"].append(row_id)
        parents = ["ROOT_ID", "GRID_ID"]
        tree[row_id] = {
            "type": "ROW",
            "id": row_id,
            "children": [],
            "parents": parents,
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for place, cell in enumerate(row):
            meta: dict[str, Any] = {"width": cell["width"], "height": cell["height"]}
            if "chart" in cell:
                kind, cell_id = "CHART", f"CHART-{cell['chart']}"
                chart = charts[cell["chart"]]
                meta |= {"chartId": chart.number, "sliceName": chart.title, "uuid": chart.uuid}
            else:
                kind, cell_id = "MARKDOWN", f"MARKDOWN-{index}-{place}"
                meta |= {"code": cell["text"]}
            tree[row_id]["children"].append(cell_id)
            tree[cell_id] = {"type": kind, "id": cell_id, "children": [], "parents": [*parents, row_id], "meta": meta}
    return tree


def native_filters(
    entries: list[dict[str, Any]], charts: dict[str, Placed], datasets: dict[str, str]
) -> list[dict[str, Any]]:
    """The native filters, in the order of the bar. `charts` by slug; `datasets`: slug → uuid."""
    return [_filter(entry, charts, datasets) for entry in entries]


def _filter(entry: dict[str, Any], charts: dict[str, Placed], datasets: dict[str, str]) -> dict[str, Any]:
    excluded = [charts[slug].number for slug in entry.get("not_on", [])]
    name = hashlib.sha256(entry["name"].encode()).hexdigest()[:12]
    common = {
        "id": f"NATIVE_FILTER-{name}",
        "name": entry["name"],
        "type": "NATIVE_FILTER",
        "description": entry.get("description", ""),
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": excluded},
        "chartsInScope": [chart.number for chart in charts.values() if chart.number not in excluded],
        "tabsInScope": [],
    }
    if entry["kind"] == "time":
        default = entry.get("default")
        mask = {"extraFormData": {"time_range": default}, "filterState": {"value": default}} if default else {}
        return common | {"filterType": "filter_time", "targets": [{}], "defaultDataMask": mask, "controlValues": {}}
    column, default = entry["column"], entry.get("default")
    chosen: dict[str, Any] = {"extraFormData": {}, "filterState": {}, "ownState": {}}
    if default:
        chosen["extraFormData"] = {"filters": [{"col": column, "op": "IN", "val": [default]}]}
        chosen["filterState"] = {"value": [default], "label": default}
    return common | {
        "filterType": "filter_select",
        "targets": [{"datasetUuid": datasets[entry["dataset"]], "column": {"name": column}}],
        "defaultDataMask": chosen,
        "controlValues": {
            "enableEmptyFilter": bool(default),
            "defaultToFirstItem": False,
            "multiSelect": not default,
            "searchAllOptions": False,
            "inverseSelection": False,
        },
    }
