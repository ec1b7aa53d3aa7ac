"""The files of the dashboards ─▶ the files that Superset's importer reads, and the plan of a push.

An id is the uuid5 of kind and slug, so it is the same everywhere and for ever.
"""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any

import yaml

from dashboards.files import Assets, Dataset
from dashboards.layout import Placed, native_filters, position
from dashboards.needs import role_with
from dashboards.plan import PushPlan

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "superset.tenure.invalid")
_VERSION = "1.0.0"
_STAMP = "2020-01-01T00:00:00+00:00"  # the same files give the same bundle


def identity(kind: str, slug: str) -> str:
    """The uuid of an asset: kind is databases, datasets, charts or dashboards."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}/{slug}"))


def bundle_files(assets: Assets) -> dict[str, str]:
    """Path in the bundle → YAML text, for every asset that the importer takes."""
    name, database = assets.database["slug"], identity("databases", assets.database["slug"])
    contents: dict[str, Any] = {"metadata.yaml": {"version": _VERSION, "type": "assets", "timestamp": _STAMP}}
    fields = {key: value for key, value in assets.database.items() if key != "slug"}
    contents[f"databases/{name}.yaml"] = fields | {"uuid": database, "version": _VERSION}
    for slug, dataset in assets.datasets.items():
        contents[f"datasets/tenure/{slug}.yaml"] = _dataset(dataset, database)
    for slug, chart in assets.charts.items():
        contents[f"charts/{slug}.yaml"] = _chart(slug, chart)
    for slug in assets.dashboards:
        contents[f"dashboards/{slug}.yaml"] = _dashboard(slug, assets)
    return {path: yaml.safe_dump(content, sort_keys=False, allow_unicode=True) for path, content in contents.items()}


def zipped(assets: Assets) -> bytes:
    """The bundle as a zip that `superset import-directory`, the UI and the assets API take."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, text in bundle_files(assets).items():
            bundle.writestr(zipfile.ZipInfo(f"tenure/{path}", (2020, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def push_plan(assets: Assets, as_user: str) -> PushPlan:
    """All that superset/push needs: the bundle, and what does not travel with it."""
    dashboards = {slug: identity("dashboards", slug) for slug in assets.dashboards}
    return PushPlan(
        as_user=as_user,
        files=bundle_files(assets),
        database=identity("databases", assets.database["slug"]),
        datasets={identity("datasets", slug): slug for slug in assets.datasets},
        charts={identity("charts", slug): slug for slug in assets.charts},
        dashboards={id_: slug for slug, id_ in dashboards.items()},
        dataset_columns={identity("datasets", slug): list(each.columns) for slug, each in assets.datasets.items()},
        dashboard_charts={
            id_: [identity("charts", chart) for chart in assets.used_charts(slug)] for slug, id_ in dashboards.items()
        },
        dashboard_roles={id_: _openers(assets.dashboards[slug]) for slug, id_ in dashboards.items()},
        reads_database={role["name"]: bool(role.get("reads_database")) for role in assets.roles.values()},
        rules=list(assets.rules.values()),
        tombstones={kind: {slug: identity(kind, slug) for slug in slugs} for kind, slugs in assets.tombstones.items()},
    )


def _openers(dashboard: dict[str, Any]) -> list[str]:
    """Names of the roles that open a dashboard."""
    roles, need = dashboard["roles"], dashboard.get("needs")
    return [role_with(role, need) for role in roles] if need else list(roles)


def _dataset(dataset: Dataset, database: str) -> dict[str, Any]:
    return {
        "table_name": dataset.slug,
        "main_dttm_col": dataset.time_column,
        "description": dataset.description,
        "schema": "marts",
        "catalog": None,
        "sql": dataset.sql,
        "filter_select_enabled": True,
        "extra": None,
        "uuid": identity("datasets", dataset.slug),
        "metrics": [
            {"metric_name": name, "verbose_name": metric.get("title"), "expression": metric["sql"],
             "description": metric.get("description"), "d3format": metric.get("format")}
            for name, metric in dataset.metrics.items()
        ],
        "columns": [{"column_name": name, **column} for name, column in dataset.columns.items()],
        "version": _VERSION,
        "database_uuid": database,
        "is_managed_externally": True,
    }  # fmt: skip


def _chart(slug: str, chart: dict[str, Any]) -> dict[str, Any]:
    return {
        "slice_name": chart["title"],
        "description": chart.get("description"),
        "viz_type": chart["viz_type"],
        "params": {"viz_type": chart["viz_type"], **chart.get("params", {})},
        "uuid": identity("charts", slug),
        "dataset_uuid": identity("datasets", chart["dataset"]),
        "version": _VERSION,
        "is_managed_externally": True,
    }


def _dashboard(slug: str, assets: Assets) -> dict[str, Any]:
    dashboard = assets.dashboards[slug]
    charts = {
        chart: Placed(number, assets.charts[chart]["title"], identity("charts", chart))
        for number, chart in enumerate(assets.used_charts(slug), start=1)
    }
    datasets = {dataset: identity("datasets", dataset) for dataset in assets.datasets}
    return {
        "dashboard_title": dashboard["title"],
        "description": dashboard.get("description"),
        "css": dashboard.get("css", ""),
        "slug": slug,
        "uuid": identity("dashboards", slug),
        "position": position(dashboard["title"], dashboard["rows"], charts),
        "metadata": _metadata(dashboard, charts, datasets),
        "published": True,
        "version": _VERSION,
        "is_managed_externally": True,
    }


def _metadata(dashboard: dict[str, Any], charts: dict[str, Placed], datasets: dict[str, str]) -> dict[str, Any]:
    """What Superset keeps of a dashboard beside its layout: colours, filters, and what a click in a chart filters."""
    return {
        "color_scheme": "tenure",
        "label_colors": dashboard.get("label_colors", {}),
        "cross_filters_enabled": True,
        "refresh_frequency": 0,
        "native_filter_configuration": native_filters(dashboard.get("filters", []), charts, datasets),
        "chart_configuration": {
            str(placed.number): {
                "id": placed.number,
                "crossFilters": {"scope": _scope(dashboard, slug, charts), "chartsInScope": []},
            }
            for slug, placed in charts.items()
        },
        "global_chart_configuration": {
            "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
            "chartsInScope": [placed.number for placed in charts.values()],
        },
    }


def _scope(dashboard: dict[str, Any], chart: str, charts: dict[str, Placed]) -> dict[str, Any]:
    """Which charts a click in `chart` filters: those its file names, else none."""
    targets = dashboard.get("drills", {}).get(chart, [])
    return {
        "rootPath": ["ROOT_ID"],
        "excluded": [placed.number for slug, placed in charts.items() if slug not in targets],
    }
