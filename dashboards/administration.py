"""Superset's set-up, logins and dashboards in one home: what the command line and the demo call.

    setup(home)                        secret, metadata schema, roles, operator; quick and safe to repeat
    push(home)                         dashboards, row-level rule, access: as the files say, checked afterwards
    add_user(home, name, tenants, role, password) · list_users(home)
    apply(home, users=[…], push=True)  all of set-up, users and push in one start of Superset's application

Runs in the pipeline environment; `orchestration/services/` starts and stops the server. Every function takes the home
as a path and raises TenureError with the next step. `tell` is called with a line per step. Roles that a user may have:
executive, analyst, operator (sees all tenants, administers Superset).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dashboards import environment
from dashboards.bundle import push_plan
from dashboards.files import Assets
from dashboards.validate import validate
from warehouse_models.errors import TenureError

OPERATOR = "operator"
ROLES = {"executive": "executive", "analyst": "analyst", "operator": "Admin"}
_SLUG = re.compile(r"^[a-z][a-z0-9_]{1,40}$")
_NAME = re.compile(r"^[A-Za-z0-9._@+-]{1,64}$")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class User:
    """A login: `tenants` are slugs, or ["*"] for every tenant; `password` None keeps that of an existing login."""

    name: str
    tenants: Sequence[str] = field(default_factory=tuple)
    role: str = "executive"
    password: str | None = None
    email: str | None = None
    full_name: str | None = None

    def entry(self) -> dict[str, Any]:
        """The login as a plan holds it. TenureError where a name, role or tenant cannot be."""
        if not _NAME.fullmatch(self.name):
            raise TenureError(f"user {self.name!r}", "a login is letters, digits and . _ @ + -", "choose another name")
        if self.role not in ROLES:
            raise TenureError(f"role {self.role}", "there is no such role", f"one of {', '.join(ROLES)}")
        wrong = [tenant for tenant in self.tenants if tenant != "*" and not _SLUG.fullmatch(tenant)]
        if wrong:
            raise TenureError(f"tenant {wrong[0]!r}", "it is no tenant's slug", "see `tenure tenant list`")
        if not self.tenants:
            raise TenureError(f"user {self.name}", "it is bound to no tenant and would see nothing", "--tenant SLUG")
        return asdict(self) | {"role": ROLES[self.role], "tenants": list(self.tenants)}


def setup(home: Path, operator_password: str | None = None, tell: Tell = lambda line: None) -> None:
    """Make Superset ready in this home; an operator's password is needed the first time only."""
    apply(home, operator_password=operator_password, push=False, tell=tell)


def push(home: Path, tell: Tell = lambda line: None) -> dict[str, Any]:
    """Validate the files and make Superset hold what they say; {"charts": {uuid: id}, "dashboards": {slug: id}, …}."""
    pushed: dict[str, Any] = apply(home, push=True, tell=tell)["pushed"]
    return pushed


def add_user(
    home: Path, name: str, tenants: Sequence[str], role: str = "executive", password: str | None = None, **more: Any
) -> None:
    """Create or change one login. More than one: `apply(home, users=[…])` starts Superset's application only once."""
    apply(home, users=[User(name, tuple(tenants), role, password, **more)], push=False)


def list_users(home: Path) -> list[dict[str, Any]]:
    """[{"name", "role", "tenants", "active"}], by name."""
    environment.need_setup(home)
    users: list[dict[str, Any]] = environment.run_plan(home, {"list_users": True})["users"]
    return users


def apply(
    home: Path,
    *,
    operator_password: str | None = None,
    users: Sequence[User] = (),
    push: bool = True,
    assets: Assets | None = None,
    tell: Tell = lambda line: None,
) -> dict[str, Any]:
    """Set up what is missing, then users and dashboards, in one go. The answer holds what was pushed.

    `assets`: default those of the files. TenureError: the files are wrong, or Superset did not become what they say.
    """
    home = Path(home).absolute()
    assets = assets or Assets.read()
    if push and (problems := validate(assets)):
        raise TenureError("the dashboard files", "; ".join(problems), "mend them; nothing was pushed")
    plan: dict[str, Any] = {"users": [user.entry() for user in users]}
    environment.secret(home)
    if not _is_set_up(home) and not _copy_template(home):
        tell("preparing Superset's metadata (once, about 30 s)")
        plan["migrate"] = True
    # Metadata of an older release is migrated too, and has its operator already.
    is_first = not environment.schema_mark(home).exists()
    if is_first or operator_password:
        plan["users"].insert(0, _operator(operator_password).entry())
    if is_first or push or plan.get("migrate"):
        plan["roles"] = list(assets.roles.values())
    if push:
        counts = (len(assets.dashboards), len(assets.charts), len(assets.datasets))
        tell("pushing {} dashboard(s), {} charts, {} datasets".format(*counts))
        plan["push"] = asdict(push_plan(assets, OPERATOR))
    if not any(plan.get(step) for step in ("migrate", "users", "roles", "push")):
        return {}
    answer = environment.run_plan(home, plan)
    environment.schema_mark(home).write_text(environment.schema_key(), encoding="utf-8")
    return answer


def _operator(password: str | None) -> User:
    if not password:
        raise TenureError("the operator of Superset", "a first set-up needs its password", "give operator_password")
    return User(OPERATOR, ("*",), "operator", password, full_name="Tenure Operator")


def make_template(tell: Tell = lambda line: None) -> Path:
    """Make the metadata database that new homes copy, if this environment has none yet (part of `make setup`)."""
    target = environment.template()
    if target.exists():
        return target
    tell("preparing Superset's metadata (once, about 30 s)")
    target.parent.mkdir(parents=True, exist_ok=True)
    workshop = target.parent / f"making-{os.getpid()}"
    try:
        environment.run_plan(workshop, {"migrate": True})
        made = environment.state(workshop) / "metadata.db"
        os.replace(made, target)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    for old in target.parent.glob("metadata-*.db"):
        if old != target:
            old.unlink()
    return target


def _is_set_up(home: Path) -> bool:
    mark = environment.schema_mark(home)
    return mark.exists() and mark.read_text(encoding="utf-8") == environment.schema_key()


def _copy_template(home: Path) -> bool:
    """Start from the environment's fresh metadata, where this home has none and uses no other database."""
    target = environment.state(home) / "metadata.db"
    if os.environ.get("TENURE_SUPERSET_DATABASE") or target.exists():
        return False
    source = environment.template()
    if not source.exists():
        return False
    temporary = target.with_suffix(".copying")
    shutil.copyfile(source, temporary)
    temporary.chmod(0o600)
    os.replace(temporary, target)
    return True
