"""What a push carries from the pipeline's environment into Superset's, as JSON: the bundle, and what belongs to it.

`bundle.push_plan` makes it, `superset/push.py` carries it out. A uuid stands for an asset, because ids differ from one
Superset to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PushPlan:
    """How Superset shall be after a push."""

    # The user who imports, and the bundle: path → YAML text.
    as_user: str
    files: dict[str, str]
    # The database's uuid; uuid → slug of everything that there shall be.
    database: str
    datasets: dict[str, str]
    charts: dict[str, str]
    dashboards: dict[str, str]
    # Names of a dataset's columns, uuids of a dashboard's charts, names of the roles that open a dashboard, by uuid.
    dataset_columns: dict[str, list[str]]
    dashboard_charts: dict[str, list[str]]
    dashboard_roles: dict[str, list[str]]
    # Role → whether it reads the database at large; the row-level rules; kind → slug → uuid of what is deleted.
    reads_database: dict[str, bool]
    rules: list[dict[str, Any]]
    tombstones: dict[str, dict[str, str]]
