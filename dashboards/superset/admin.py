"""What needs Superset from the inside: metadata schema, roles, users, import. Superset's environment runs it.

    python -m dashboards.superset.admin PLAN.json ANSWER.json

One start of Superset's application costs seconds, so a plan holds everything that one call wants, in this order:
migrate ▸ roles ▸ users ▸ push (import ▸ rules ▸ tombstones ▸ check). Every step says how things shall be, so a plan
may run any number of times. The answer is {"ok": true, …} or {"ok": false, "what", "why", "next_step"}.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from dashboards.plan import PushPlan
from warehouse_models.errors import TenureError

OPERATOR_ROLE = "Admin"


def main(plan_path: str, answer_path: str) -> int:
    """Run the plan; the answer file is written in any case."""
    plan = json.loads(Path(plan_path).read_text(encoding="utf-8"))
    try:
        answer = {"ok": True, **run(plan)}
    except TenureError as error:
        answer = {"ok": False, "what": error.what, "why": error.why, "next_step": error.next_step}
    except Exception as error:
        traceback.print_exc()
        answer = {"ok": False, "what": "Superset", "why": f"{type(error).__name__}: {error}", "next_step": ""}
    Path(answer_path).write_text(json.dumps(answer), encoding="utf-8")
    return 0 if answer["ok"] else 1


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Carry out the plan inside Superset's application."""
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        answer: dict[str, Any] = {}
        if plan.get("migrate"):
            migrate(app)
        for role in plan.get("roles", []):
            set_role(role)
        for user in plan.get("users", []):
            set_user(user)
        if plan.get("push"):
            answer["pushed"] = push(PushPlan(**plan["push"]))
        if plan.get("list_users"):
            answer["users"] = list_users()
        return answer


def migrate(app: Any) -> None:
    """Bring the metadata schema up to date, and Superset's own permissions and roles with it."""
    from flask_migrate import upgrade  # type: ignore[import-untyped]
    from superset.extensions import appbuilder, db, security_manager

    from dashboards.superset.security import UserTenant

    upgrade()
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    UserTenant.__table__.create(bind=db.engine, checkfirst=True)
    db.session.commit()


def set_role(role: dict[str, Any]) -> None:
    """Give a role exactly the permissions of its file; TenureError names one that this Superset does not know."""
    from superset.extensions import db, security_manager

    held = security_manager.add_role(role["name"])
    permissions = []
    for view, names in role["permissions"].items():
        for name in names:
            permission = security_manager.find_permission_view_menu(name, view)
            if permission is None:
                why = f"Superset knows no permission {name} on {view}"
                raise TenureError(f"role {role['name']}", why, "mend the file")
            permissions.append(permission)
    # What a role may read of Tenure is granted with the push, once the database is there.
    granted = [p for p in held.permissions if p.permission.name in ("database_access", "schema_access")]
    held.permissions = permissions + granted
    db.session.commit()


def set_user(user: dict[str, Any]) -> None:
    """Create or change a login: its role, its tenants, and its password where one is given."""
    from superset.extensions import db, security_manager

    from dashboards.superset.security import UserTenant

    role = security_manager.find_role(user["role"])
    if role is None:
        raise TenureError(f"role {user['role']}", "there is no such role", "executive, analyst or operator")
    login = security_manager.find_user(username=user["name"])
    if login is None:
        login = _add_user(user, role)
    else:
        login.roles = [role]
        if user.get("password"):
            security_manager.reset_password(login.id, user["password"])
    db.session.query(UserTenant).filter_by(user_id=login.id).delete()
    db.session.add_all(UserTenant(user_id=login.id, tenant=tenant) for tenant in sorted(set(user["tenants"])))
    db.session.commit()


def _add_user(user: dict[str, Any], role: Any) -> Any:
    from superset.extensions import security_manager

    if not user.get("password"):
        raise TenureError(f"user {user['name']}", "a new login needs a password", "give one")
    email = user.get("email") or f"{user['name']}@tenure.invalid"
    first, last = (user.get("full_name") or user["name"]).partition(" ")[::2]
    login = security_manager.add_user(user["name"], first, last, email, role, password=user["password"])
    if not login:
        why = "Superset refused it; is the e-mail taken?"
        raise TenureError(f"user {user['name']}", why, "choose another name")
    return login


def list_users() -> list[dict[str, Any]]:
    """Every login with its role and tenants, by name."""
    from superset.extensions import db, security_manager

    from dashboards.superset.security import UserTenant

    bound: dict[int, list[str]] = {}
    for row in db.session.query(UserTenant).order_by(UserTenant.tenant):
        bound.setdefault(row.user_id, []).append(row.tenant)
    users = sorted(security_manager.get_all_users(), key=lambda user: str(user.username))
    return [
        {
            "name": user.username,
            "role": ", ".join(role.name for role in user.roles),
            "tenants": bound.get(user.id, []),
            "active": bool(user.active),
        }
        for user in users
    ]


def push(plan: PushPlan) -> dict[str, Any]:
    """Import a bundle and make it true: ids, access, rules, saved queries, tombstones. Checked afterwards."""
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.extensions import db, security_manager
    from superset.utils.core import override_user

    from dashboards.superset.push import bury, check, grant, save_queries, set_rules

    operator = security_manager.find_user(username=plan.as_user)
    if operator is None:
        raise TenureError(f"user {plan.as_user}", "there is no such operator", "run the set-up of Superset first")
    with override_user(operator):
        ImportAssetsCommand(dict(plan.files)).run()
        db.session.commit()
        grant(plan)
        set_rules(plan)
        save_queries(plan)
        buried = bury(plan)
        db.session.commit()
        return {**check(plan), "buried": buried}


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:3]))
