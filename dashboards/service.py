"""Superset as a service of one TENURE_HOME: what the command line and the demo call. Runs in the pipeline environment.

    setup(home)                        secret, metadata schema, roles, operator; quick and safe to repeat
    push(home)                         dashboards, row-level rule, access: as the files say, checked afterwards
    add_user(home, name, tenants, role, password) · list_users(home)
    start(home, port) -> url · stop(home) · status(home) · wait(url)
    apply(home, users=[…], push=True)  all of set-up, users and push in one start of Superset's application

Every function takes the home as a path and raises TenureError with the next step. `tell` is called with a line per
step. Roles that a user may have: executive, analyst, operator (sees all tenants, administers Superset).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dashboards import environment
from dashboards.bundle import Assets
from dashboards.validate import validate
from warehouse_models.errors import TenureError

OPERATOR = "operator"
ROLES = {"executive": "executive", "analyst": "analyst", "operator": "Admin"}
START_SECONDS = 120.0
STOP_SECONDS = 10.0
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

    def told(self) -> dict[str, Any]:
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


@dataclass(frozen=True)
class Status:
    """`state` is running, starting or stopped."""

    state: str
    pid: int | None
    url: str
    log: str


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
    _need_setup(home)
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
    plan: dict[str, Any] = {"users": [user.told() for user in users]}
    environment.secret(home)
    if not _is_set_up(home) and not _copy_template(home):
        tell("preparing Superset's metadata (once, about 30 s)")
        plan["migrate"] = True
    fresh = plan.get("migrate") or not (environment.state(home) / "schema").exists()
    if fresh or operator_password:
        if fresh and not operator_password:
            raise TenureError("the operator of Superset", "a first set-up needs its password", "give operator_password")
        operator = User(OPERATOR, ("*",), "operator", operator_password, full_name="Tenure Operator")
        plan["users"].insert(0, operator.told())
    if fresh or push:
        plan["roles"] = list(assets.roles.values())
    if push:
        counts = (len(assets.dashboards), len(assets.charts), len(assets.datasets))
        tell("pushing {} dashboard(s), {} charts, {} datasets".format(*counts))
        plan["push"] = assets.plan(OPERATOR)
    if not any(plan.get(step) for step in ("migrate", "users", "roles", "push")):
        return {}
    answer = environment.run_plan(home, plan)
    (environment.state(home) / "schema").write_text(environment.schema_key(), encoding="utf-8")
    return answer


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


def start(home: Path, port: int = 8088, tell: Tell = lambda line: None) -> str:
    """Start the server in the background on 127.0.0.1:`port` (0: any) and wait until it answers; its URL."""
    home = Path(home).absolute()
    _need_setup(home)
    running = status(home)
    if running.state == "stopped":
        port = port or _free_port()
        _check_port(port)
        command, variables = environment.server_command(home, port)
        tell(f"starting Superset on port {port}")
        with _log(home).open("ab") as log:
            process = subprocess.Popen(
                command,
                env=variables,
                cwd=environment.state(home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        told = {"pid": process.pid, "started": _started(process.pid), "command": command, "port": port}
        _pid_file(home).write_text(json.dumps(told), encoding="utf-8")
        running = status(home)
    wait(home)
    return running.url


def stop(home: Path) -> bool:
    """Stop the server, after ten seconds by force. False where none was running."""
    home = Path(home).absolute()
    found = status(home)
    if found.pid is None:
        return False
    for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(found.pid, sign)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(found.pid, os.WNOHANG)
            if _started(found.pid) == "":
                _pid_file(home).unlink(missing_ok=True)
                return True
            time.sleep(0.1)
    _pid_file(home).unlink(missing_ok=True)
    return True


def status(home: Path) -> Status:
    """Whether the server of this home runs and answers."""
    home = Path(home).absolute()
    log = str(_log(home))
    try:
        told = json.loads(_pid_file(home).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return Status("stopped", None, "", log)
    if _started(told["pid"]) != told["started"]:
        return Status("stopped", None, "", log)
    url = f"http://127.0.0.1:{told['port']}"
    return Status("running" if answers(url) else "starting", told["pid"], url, log)


def wait(home: Path, seconds: float = START_SECONDS) -> str:
    """Wait until the server answers; its URL. TenureError with the end of its log where it does not."""
    deadline = time.monotonic() + seconds
    while True:
        found = status(home)
        if found.state == "running":
            return found.url
        if found.state == "stopped" or time.monotonic() > deadline:
            tail = " | ".join(Path(found.log).read_text(errors="replace").splitlines()[-6:]) if found.log else ""
            why = "it ended while starting" if found.state == "stopped" else f"it does not answer after {seconds:.0f} s"
            raise TenureError("Superset", f"{why}: {tail}", f"read {found.log}")
        time.sleep(0.2)


def answers(url: str) -> bool:
    """Whether a server at `url` says that it is healthy. No proxy of the environment stands between."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _is_set_up(home: Path) -> bool:
    mark = environment.state(home) / "schema"
    return mark.exists() and mark.read_text(encoding="utf-8") == environment.schema_key()


def _need_setup(home: Path) -> None:
    if not (environment.state(Path(home)) / "schema").exists():
        raise TenureError("Superset", f"it is not set up in {home}", "run `tenure demo` or `tenure up` first")


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


def _check_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            why = "another program is using it"
            mend = f"TENURE_SUPERSET_PORT={port + 10} (or 0 for any)"
            raise TenureError(f"port {port} of Superset", why, mend) from error


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _log(home: Path) -> Path:
    (home / "logs").mkdir(parents=True, exist_ok=True)
    return home / "logs" / "superset.log"


def _pid_file(home: Path) -> Path:
    (home / "run").mkdir(parents=True, exist_ok=True)
    return home / "run" / "superset.pid"


def _started(pid: int) -> str:
    """When the kernel started this process, to tell a reused id apart; empty where it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
        return found.stdout.strip()
    return "" if fields[0] == "Z" else fields[19]
