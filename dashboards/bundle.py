"""Dashboards as files: assets/*.yaml in our short form ─▶ the files that Superset's importer reads.

    assets/databases/*.yaml     the one database        assets/datasets/<slug>.yaml    a mart's metrics, or SQL
    assets/charts/<slug>.yaml   title, type, dataset    assets/dashboards/<slug>.yaml  rows of charts, native filters,
                                                           roles, and what a tenant needs to have (dashboards/needs.py)
    assets/roles/*.yaml         exact permissions       assets/rules/*.yaml            row-level security
    assets/tombstones.yaml      what is to be deleted

A slug is the file's name; an id is the uuid5 of kind and slug, so it is the same everywhere and for ever. Every mart is
a dataset without a file of its own (columns and descriptions come from its contract); a file of the mart's name adds
metrics. Nothing lists the files: a new one is found. Runs in either environment.
"""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dashboards.layout import native_filters, position
from dashboards.needs import role_with
from warehouse_models.dbt.marts import marts
from warehouse_models.errors import TenureError

ASSETS = Path(__file__).resolve().parent / "assets"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "superset.tenure.invalid")
TYPES = {
    "string": "VARCHAR",
    "bigint": "BIGINT",
    "integer": "INTEGER",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "decimal(38,12)": "DECIMAL(38,12)",
}
_VERSION = "1.0.0"


def identity(kind: str, slug: str) -> str:
    """The uuid of an asset: kind is databases, datasets, charts or dashboards."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}/{slug}"))


@dataclass(frozen=True)
class Dataset:
    """A dataset: the mart of that name, or SQL over marts. `columns`: name → Superset's fields of it."""

    slug: str
    sql: str | None
    description: str
    columns: dict[str, dict[str, Any]]
    metrics: dict[str, dict[str, Any]]
    time_column: str | None


@dataclass
class Assets:
    """All assets by kind and slug, as read from the files."""

    database: dict[str, Any]
    datasets: dict[str, Dataset]
    charts: dict[str, dict[str, Any]]
    dashboards: dict[str, dict[str, Any]]
    roles: dict[str, dict[str, Any]]
    rules: dict[str, dict[str, Any]]
    tombstones: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path = ASSETS) -> Assets:
        """Read every file below `folder`. TenureError names a file that cannot be read."""
        databases = _files(folder / "databases")
        if len(databases) != 1:
            raise TenureError("assets/databases", f"it holds {len(databases)} files", "there is one database: tenure")
        told = {path.stem: _load(path) for path in [folder / "tombstones.yaml"] if path.exists()}
        return cls(
            database=next(iter(databases.values())) | {"slug": next(iter(databases))},
            datasets=_datasets(_files(folder / "datasets")),
            charts=_files(folder / "charts"),
            dashboards=_files(folder / "dashboards"),
            roles=_files(folder / "roles"),
            rules=_files(folder / "rules"),
            tombstones=told.get("tombstones") or {},
        )

    def used_charts(self, dashboard: str) -> list[str]:
        """Slugs of a dashboard's charts, in reading order."""
        rows = self.dashboards[dashboard]["rows"]
        return [cell["chart"] for row in rows for cell in row if "chart" in cell]

    def files(self) -> dict[str, str]:
        """Path in the bundle → YAML text, for every asset that the importer takes."""
        contents: dict[str, Any] = {"metadata.yaml": {"version": _VERSION, "type": "assets", "timestamp": _STAMP}}
        database = {key: value for key, value in self.database.items() if key != "slug"}
        contents[f"databases/{self.database['slug']}.yaml"] = database | {
            "uuid": identity("databases", self.database["slug"]),
            "version": _VERSION,
        }
        for slug, dataset in self.datasets.items():
            contents[f"datasets/tenure/{slug}.yaml"] = self._dataset(dataset)
        for slug, chart in self.charts.items():
            contents[f"charts/{slug}.yaml"] = self._chart(slug, chart)
        for slug, dashboard in self.dashboards.items():
            contents[f"dashboards/{slug}.yaml"] = self._dashboard(slug, dashboard)
        return {path: yaml.safe_dump(told, sort_keys=False, allow_unicode=True) for path, told in contents.items()}

    def zip(self) -> bytes:
        """The bundle as a zip that `superset import-directory`, the UI and the assets API take."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
            for path, text in self.files().items():
                bundle.writestr(zipfile.ZipInfo(f"tenure/{path}", (2020, 1, 1, 0, 0, 0)), text)
        return buffer.getvalue()

    def plan(self, as_user: str) -> dict[str, Any]:
        """All that superset/push needs, as JSON: the bundle, and what does not travel with it."""
        return {
            "as_user": as_user,
            "files": self.files(),
            "database": identity("databases", self.database["slug"]),
            "datasets": {identity("datasets", slug): slug for slug in self.datasets},
            "dataset_columns": {identity("datasets", d.slug): list(d.columns) for d in self.datasets.values()},
            "charts": {identity("charts", slug): slug for slug in self.charts},
            "dashboards": {identity("dashboards", slug): slug for slug in self.dashboards},
            "dashboard_charts": {
                identity("dashboards", slug): [identity("charts", chart) for chart in self.used_charts(slug)]
                for slug in self.dashboards
            },
            "dashboard_roles": {identity("dashboards", slug): self._openers(slug) for slug in self.dashboards},
            "reads_database": {role["name"]: bool(role.get("reads_database")) for role in self.roles.values()},
            "rules": list(self.rules.values()),
            "tombstones": {
                kind: {slug: identity(kind, slug) for slug in slugs} for kind, slugs in self.tombstones.items()
            },
        }

    def _openers(self, dashboard: str) -> list[str]:
        """Names of the roles that open a dashboard."""
        roles, need = self.dashboards[dashboard]["roles"], self.dashboards[dashboard].get("needs")
        return [role_with(role, need) for role in roles] if need else list(roles)

    def _dataset(self, dataset: Dataset) -> dict[str, Any]:
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
                {"metric_name": name, "verbose_name": told.get("title"), "expression": told["sql"],
                 "description": told.get("description"), "d3format": told.get("format")}
                for name, told in dataset.metrics.items()
            ],
            "columns": [{"column_name": name, **told} for name, told in dataset.columns.items()],
            "version": _VERSION,
            "database_uuid": identity("databases", self.database["slug"]),
            "is_managed_externally": True,
        }  # fmt: skip

    def _chart(self, slug: str, chart: dict[str, Any]) -> dict[str, Any]:
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

    def _dashboard(self, slug: str, dashboard: dict[str, Any]) -> dict[str, Any]:
        charts = self.used_charts(slug)
        numbers = {chart: number for number, chart in enumerate(charts, start=1)}
        titles = {chart: self.charts[chart]["title"] for chart in charts}
        uuids = {chart: identity("charts", chart) for chart in charts}
        everyone = {"rootPath": ["ROOT_ID"], "excluded": []}
        metadata = {
            "color_scheme": "tenure",
            "label_colors": dashboard.get("label_colors", {}),
            "cross_filters_enabled": True,
            "refresh_frequency": 0,
            "native_filter_configuration": native_filters(
                dashboard.get("filters", []), numbers, {s: identity("datasets", s) for s in self.datasets}
            ),
            "chart_configuration": {
                str(number): {
                    "id": number,
                    "crossFilters": {"scope": _scope(dashboard, chart, numbers), "chartsInScope": []},
                }
                for chart, number in numbers.items()
            },
            "global_chart_configuration": {"scope": everyone, "chartsInScope": list(numbers.values())},
        }
        return {
            "dashboard_title": dashboard["title"],
            "description": dashboard.get("description"),
            "css": dashboard.get("css", ""),
            "slug": slug,
            "uuid": identity("dashboards", slug),
            "position": position(dashboard["title"], dashboard["rows"], numbers, titles, uuids),
            "metadata": metadata,
            "published": True,
            "version": _VERSION,
            "is_managed_externally": True,
        }


_STAMP = "2020-01-01T00:00:00+00:00"  # the same files give the same bundle


def _scope(dashboard: dict[str, Any], chart: str, numbers: dict[str, int]) -> Any:
    """Which charts a click in `chart` filters: those its file names, else none."""
    targets = dashboard.get("drills", {}).get(chart, [])
    return {"rootPath": ["ROOT_ID"], "excluded": [n for slug, n in numbers.items() if slug not in targets]}


def _datasets(files: dict[str, dict[str, Any]]) -> dict[str, Dataset]:
    found = {}
    for name, mart in marts().items():
        told = files.pop(name, {})
        columns = {
            column.name: {
                "type": TYPES[column.type],
                "is_dttm": column.type in ("date", "timestamp"),
                "description": column.description,
                "verbose_name": told.get("titles", {}).get(column.name),
                "groupby": True,
                "filterable": True,
                "expression": None,
            }
            for column in mart.spec.columns
        }
        time = told.get("time_column", mart.spec.slice_column)
        metrics = {"rows": {"sql": "COUNT(*)", "title": "Rows"}, **told.get("metrics", {})}
        found[name] = Dataset(name, None, mart.spec.description, columns, metrics, time)
    for slug, told in files.items():
        if "sql" not in told:
            raise TenureError(
                f"assets/datasets/{slug}.yaml", "it is no mart and has no sql", "add sql or mend the name"
            )
        columns = {
            name: {
                "type": entry["type"],
                "is_dttm": entry["type"] == "DATE" or entry["type"].startswith("TIMESTAMP"),
                "description": entry.get("description"),
                "verbose_name": entry.get("title"),
                "groupby": True,
                "filterable": True,
                "expression": None,
            }
            for name, entry in told["columns"].items()
        }
        found[slug] = Dataset(
            slug=slug,
            sql=told["sql"].strip(),
            description=told.get("description", ""),
            columns=columns,
            metrics=told.get("metrics", {}),
            time_column=told.get("time_column"),
        )
    return found


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.stem: _load(path) for path in sorted(folder.glob("*.yaml"))}


def _load(path: Path) -> dict[str, Any]:
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise TenureError(str(path.name), f"it is no YAML: {error}", "mend the file") from error
    if not isinstance(told, dict):
        raise TenureError(str(path.name), "it holds no mapping", "mend the file")
    # JSON in between turns dates and the like into text, and refuses what Superset could not store.
    loaded: dict[str, Any] = json.loads(json.dumps(told, default=str))
    return loaded
