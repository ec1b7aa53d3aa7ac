"""What Superset's importer leaves undone: access, row-level rule, saved queries, deletions, and a look at the result.

Called by superset/admin inside Superset's application, each with the plan of the push (`dashboards/plan.py`).
"""

from __future__ import annotations

import json
from typing import Any

from superset.connectors.sqla.models import RowLevelSecurityFilter, SqlaTable
from superset.extensions import db, security_manager
from superset.models.core import Database
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice
from superset.utils.core import RowLevelSecurityFilterType

from dashboards.plan import PushPlan
from dashboards.query_context import query_context
from warehouse_models.errors import TenureError

KINDS: dict[str, Any] = {"databases": Database, "datasets": SqlaTable, "charts": Slice, "dashboards": Dashboard}


def by_uuid(kind: str, uuid: str) -> Any:
    """The object of a kind with this uuid, or None."""
    return db.session.query(KINDS[kind]).filter_by(uuid=uuid).one_or_none()


def grant(plan: PushPlan) -> None:
    """Roles travel with no import: who may open a dashboard, and who may read the database at large (analysts)."""
    database = by_uuid("databases", plan.database)
    for name, reads in plan.reads_database.items():
        role = security_manager.find_role(name)
        permission = security_manager.add_permission_view_menu("database_access", database.perm)
        if reads and permission not in role.permissions:
            role.permissions.append(permission)
        if not reads and permission in role.permissions:
            role.permissions.remove(permission)
    for uuid, roles in plan.dashboard_roles.items():
        # A role with a need has no file and no permission: it is made here, and nobody is ever given it (needs).
        by_uuid("dashboards", uuid).roles = [security_manager.add_role(name) for name in roles]


def set_rules(plan: PushPlan) -> None:
    """The row-level rules of the files, and no other of ours; each holds for every dataset and exempts no role."""
    datasets = [by_uuid("datasets", uuid) for uuid in plan.datasets]
    for rule in plan.rules:
        held = db.session.query(RowLevelSecurityFilter).filter_by(name=rule["name"]).one_or_none()
        if held is None:
            held = RowLevelSecurityFilter(name=rule["name"])
            db.session.add(held)
        held.description = rule["description"]
        held.filter_type = RowLevelSecurityFilterType.BASE.value
        held.clause = rule["clause"]
        held.roles = []
        held.tables = datasets


def save_queries(plan: PushPlan) -> None:
    """An imported chart has no saved query, and the API answers 400 for its data until it has one."""
    for uuid in plan.charts:
        chart = by_uuid("charts", uuid)
        chart.query_context = json.dumps(query_context(json.loads(chart.params), chart.datasource_id, chart.id))


def bury(plan: PushPlan) -> list[str]:
    """Delete what a tombstone names: the importer never deletes. Names of what was there."""
    gone = []
    for kind in ("dashboards", "charts", "datasets"):
        for slug, uuid in plan.tombstones.get(kind, {}).items():
            asset = by_uuid(kind, uuid)
            if asset is not None:
                db.session.delete(asset)
                gone.append(f"{kind}/{slug}")
    return gone


def check(plan: PushPlan) -> dict[str, Any]:
    """A push can fail and look like a success: compare what Superset holds now with what the files say."""
    problems = []
    for kind, uuids in (("datasets", plan.datasets), ("charts", plan.charts), ("dashboards", plan.dashboards)):
        problems += [f"{kind} {uuid} is missing" for uuid in uuids if by_uuid(kind, uuid) is None]
    for uuid, charts in plan.dashboard_charts.items():
        dashboard = by_uuid("dashboards", uuid)
        held = {str(chart.uuid) for chart in dashboard.slices} if dashboard else set()
        if held != set(charts):
            problems.append(f"dashboard {uuid} holds {len(held)} charts instead of {len(charts)}")
    for uuid, columns in plan.dataset_columns.items():
        dataset = by_uuid("datasets", uuid)
        held = {column.column_name for column in dataset.columns} if dataset else set()
        if held != set(columns):
            problems.append(f"dataset {dataset} has columns {sorted(held ^ set(columns))} too many or too few")
    rules = db.session.query(RowLevelSecurityFilter).count()
    if rules < len(plan.rules):
        problems.append("a row-level rule is missing")
    if problems:
        raise TenureError("the push to Superset", "; ".join(problems), "run it again, and read the log of Superset")
    dashboards = [by_uuid("dashboards", uuid) for uuid in plan.dashboards]
    return {
        "datasets": len(plan.datasets),
        "charts": {uuid: by_uuid("charts", uuid).id for uuid in plan.charts},
        "dashboards": {dashboard.slug: dashboard.id for dashboard in dashboards},
    }
