"""Dashboards as files: what assets/*.yaml say, in our short form.

    assets/databases/*.yaml     the one database        assets/datasets/<slug>.yaml    a mart's metrics, or SQL
    assets/charts/<slug>.yaml   title, type, dataset    assets/dashboards/<slug>.yaml  rows of charts, native filters,
                                                           roles, and what a tenant needs to have (dashboards/needs.py)
    assets/roles/*.yaml         exact permissions       assets/rules/*.yaml            row-level security
    assets/tombstones.yaml      what is to be deleted

A slug is the file's name. Every mart is a dataset without a file of its own (columns and descriptions come from its
contract); a file of the mart's name adds metrics. Nothing lists the files: a new one is found.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from warehouse_models.dbt.marts import Mart, marts
from warehouse_models.errors import TenureError

ASSETS = Path(__file__).resolve().parent / "assets"


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
        tombstones = folder / "tombstones.yaml"
        return cls(
            database=next(iter(databases.values())) | {"slug": next(iter(databases))},
            datasets=_datasets(_files(folder / "datasets")),
            charts=_files(folder / "charts"),
            dashboards=_files(folder / "dashboards"),
            roles=_files(folder / "roles"),
            rules=_files(folder / "rules"),
            tombstones=_load(tombstones) if tombstones.exists() else {},
        )

    def used_charts(self, dashboard: str) -> list[str]:
        """Slugs of a dashboard's charts, in reading order."""
        rows = self.dashboards[dashboard]["rows"]
        return [cell["chart"] for row in rows for cell in row if "chart" in cell]


def _datasets(files: dict[str, dict[str, Any]]) -> dict[str, Dataset]:
    """Every mart with what a file of its name adds, then the datasets that are SQL."""
    of_marts = {name: _of_mart(mart, files.get(name, {})) for name, mart in marts().items()}
    return of_marts | {slug: _of_sql(slug, entry) for slug, entry in files.items() if slug not in of_marts}


def _of_mart(mart: Mart, entry: dict[str, Any]) -> Dataset:
    titles = entry.get("titles", {})
    columns = {
        column.name: _column(column.duckdb_type.upper(), column.description, titles.get(column.name))
        for column in mart.spec.columns
    }
    return Dataset(
        slug=mart.name,
        sql=None,
        description=mart.spec.description,
        columns=columns,
        metrics={"rows": {"sql": "COUNT(*)", "title": "Rows"}, **entry.get("metrics", {})},
        time_column=entry.get("time_column", mart.spec.slice_column),
    )


def _of_sql(slug: str, entry: dict[str, Any]) -> Dataset:
    if "sql" not in entry:
        raise TenureError(f"assets/datasets/{slug}.yaml", "it is no mart and has no sql", "add sql or mend the name")
    columns = {
        name: _column(column["type"], column.get("description"), column.get("title"))
        for name, column in entry["columns"].items()
    }
    return Dataset(
        slug=slug,
        sql=entry["sql"].strip(),
        description=entry.get("description", ""),
        columns=columns,
        metrics=entry.get("metrics", {}),
        time_column=entry.get("time_column"),
    )


def _column(kind: str, description: str | None, title: str | None) -> dict[str, Any]:
    """Superset's fields of a column."""
    return {
        "type": kind,
        "is_dttm": kind == "DATE" or kind.startswith("TIMESTAMP"),
        "description": description,
        "verbose_name": title,
        "groupby": True,
        "filterable": True,
        "expression": None,
    }


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.stem: _load(path) for path in sorted(folder.glob("*.yaml"))}


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise TenureError(str(path.name), f"it is no YAML: {error}", "mend the file") from error
    if not isinstance(content, dict):
        raise TenureError(str(path.name), "it holds no mapping", "mend the file")
    # JSON in between turns dates and the like into text, and refuses what Superset could not store.
    loaded: dict[str, Any] = json.loads(json.dumps(content, default=str))
    return loaded
