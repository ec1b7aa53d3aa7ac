"""What runs in the background: Dagster (code server, webserver, daemon), the collector and Superset, on 127.0.0.1 only.

tenure up ─▶ code server ◀── webserver (the UI)
                  ◀───────── daemon (sensor, schedule, queue)      collector      Superset (its own environment)
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.locks import ports_lock
from orchestration.services import processes
from orchestration.services.instance import (
    LOCATION,
    bury_dead_runs,
    dagster_home,
    environment,
    open_instance,
    write_workspace,
)
from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.files import write_atomically

CODE, WEB, DAEMON, SUPERSET = "dagster-code", "dagster-web", "dagster-daemon", "superset"
COLLECTOR, METRICS = "collector", "collector-metrics"
DAGSTER = (CODE, WEB, DAEMON)
EVERY = (*DAGSTER, COLLECTOR, SUPERSET)
HEALTH = {WEB: "/server_info", COLLECTOR: "/ready", SUPERSET: "/health"}
START_SECONDS = 120.0
LOCATIONS = (
    "{workspaceOrError{... on Workspace{locationEntries{locationOrLoadError{__typename ... on PythonError{message}}}}}}"
)

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Status:
    """One service: `state` is running, not answering (yet, or any more) or stopped; `url` where it can be reached."""

    name: str
    state: str
    pid: int | None
    url: str
    log: str


def dagster_port() -> int:
    """Port of the Dagster UI: TENURE_DAGSTER_PORT, else 3000."""
    return _port("TENURE_DAGSTER_PORT", 3000)


def superset_port() -> int:
    """Port of Superset: TENURE_SUPERSET_PORT, else 8088."""
    return _port("TENURE_SUPERSET_PORT", 8088)


def up_dagster(tell: Tell) -> str:
    """Start Dagster if it does not run; returns the URL of its UI. TenureError: port taken, or it does not start."""
    if (url := address(WEB)) and processes.running(CODE) and processes.running(DAEMON):
        return url
    stop_dagster()
    port = dagster_port() or processes.free_port()
    processes.check_port(port, "Dagster", "TENURE_DAGSTER_PORT")
    with open_instance() as instance:
        if buried := bury_dead_runs(instance, services_stopped=True):
            tell(f"{buried} unfinished run(s) of a process that is gone marked as failed")
    code_port = processes.free_port()
    workspace = write_workspace(code_port)
    scripts, env = Path(sys.executable).parent, environment()
    dagster, where = str(scripts / "dagster"), dagster_home()
    code = ["code-server", "start", "-h", "127.0.0.1", "-p", str(code_port), "-m", "orchestration.definitions"]
    processes.start(CODE, [dagster, *code, "--location-name", LOCATION], env=env, cwd=where)
    remember_ports({CODE: code_port, WEB: port})
    processes.wait_until(CODE, lambda: processes.listens(code_port), START_SECONDS)
    web = ["-h", "127.0.0.1", "-p", str(port), "-w", str(workspace)]
    processes.start(WEB, [str(scripts / "dagster-webserver"), *web], env=env, cwd=where)
    processes.start(DAEMON, [str(scripts / "dagster-daemon"), "run", "-w", str(workspace)], env=env, cwd=where)
    processes.wait_until(WEB, lambda: _answers(_url(port) + HEALTH[WEB]), START_SECONDS)
    if error := load_error(_url(port)):
        raise TenureError("Dagster's code location", error, f"read {processes.log_path(CODE)}")
    return _url(port)


def load_error(url: str) -> str:
    """Why the webserver at `url` could not load our definitions; empty where it did. It serves its UI either way."""
    body = json.dumps({"query": LOCATIONS}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"content-type": "application/json"})
    with _opener().open(request, timeout=60) as answer:
        entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
    errors = [entry["locationOrLoadError"] for entry in entries if entry["locationOrLoadError"]]
    return "; ".join(str(entry["message"]).strip() for entry in errors if entry["__typename"] == "PythonError")


def up_superset() -> str:
    """Start Superset if it does not run; its URL. TenureError: not set up, port taken, or it does not start."""
    from dashboards import environment as superset

    if not address(SUPERSET):
        processes.stop_all([SUPERSET])
        port = superset_port() or processes.free_port()
        command, env = superset.server_command(home.home(), port)
        processes.check_port(port, "Superset", "TENURE_SUPERSET_PORT")
        remember_ports({SUPERSET: port})
        processes.start(SUPERSET, command, env=env, cwd=superset.state(home.home()))
    url = _url(remembered_ports()[SUPERSET])
    processes.wait_until(SUPERSET, lambda: _answers(url + HEALTH[SUPERSET]), START_SECONDS)
    return url


def up_collector(*, give_way: bool = False) -> str:
    """Start the collector if it does not run; its URL. TenureError: a port is taken, or it does not start.

    Ports: TENURE_COLLECTOR_PORT (8080), TENURE_METRICS_PORT (9464); with `give_way` a default that is taken is replaced
    by a free one. For more than this machine it is a service of its own: `tenure collector serve` with TLS.
    """
    if not address(COLLECTOR):
        processes.stop_all([COLLECTOR])
        port = free_port("TENURE_COLLECTOR_PORT", 8080, "the collector", give_way=give_way)
        metrics = free_port("TENURE_METRICS_PORT", 9464, "the collector's metrics", give_way=give_way)
        remember_ports({COLLECTOR: port, METRICS: metrics})
        tenure = str(Path(sys.executable).parent / "tenure")
        command = [tenure, "collector", "serve", "--port", str(port), "--metrics-port", str(metrics)]
        processes.start(COLLECTOR, command, env=os.environ)
    url = _url(remembered_ports()[COLLECTOR])
    processes.wait_until(COLLECTOR, lambda: _answers(url + HEALTH[COLLECTOR]), START_SECONDS)
    return url


def metrics_url() -> str:
    """Where Prometheus asks the collector that runs; empty where none does."""
    port = remembered_ports().get(METRICS)
    return f"{_url(port)}/metrics" if port and processes.running(COLLECTOR) else ""


def stop_dagster() -> list[str]:
    """Stop Dagster's processes together; names of those that ran."""
    return processes.stop_all(DAGSTER)


def down() -> list[str]:
    """Stop everything that `up` started, all at once; names of what ran. Safe to call twice."""
    return processes.stop_all(EVERY)


def status() -> list[Status]:
    """State of every service, in the order of the picture above."""
    return [_status(name) for name in EVERY]


def address(name: str) -> str:
    """URL of a service that runs; empty where it does not, or where its port is not known."""
    port = remembered_ports().get(name)
    return _url(port) if port and processes.running(name) else ""


def _status(name: str) -> Status:
    log = str(processes.log_path(name))
    process = processes.running(name)
    if process is None:
        return Status(name, "stopped", None, "", log)
    if name not in HEALTH:
        return Status(name, "running", process.pid, "", log)
    url = address(name)
    answers = url and _answers(url + HEALTH[name])
    return Status(name, "running" if answers else "not answering", process.pid, url, log)


def _port(variable: str, default: int) -> int:
    value = os.environ.get(variable) or str(default)
    if not value.isdigit() or int(value) > 65535:
        raise TenureError(variable, f"{value!r} is no port", f"a number up to 65535, e.g. {variable}={default}; 0: any")
    return int(value)


def free_port(variable: str, default: int, what: str, *, give_way: bool) -> int:
    """The port that `variable` asks for, else `default`; 0 means any. With `give_way` a taken default is replaced."""
    port = _port(variable, default) or processes.free_port()
    try:
        processes.check_port(port, what, variable)
    except TenureError:
        if not give_way or os.environ.get(variable):
            raise
        return processes.free_port()
    return port


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _answers(url: str) -> bool:
    try:
        with _opener().open(url, timeout=3) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def _opener() -> urllib.request.OpenerDirector:
    # No proxy of the caller's environment stands between us and our own machine.
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _ports_file() -> Path:
    return home.run_folder() / "ports.json"


def remembered_ports() -> dict[str, int]:
    """Service → the port that it was last started with."""
    try:
        return dict(json.loads(_ports_file().read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def remember_ports(ports: dict[str, Any]) -> None:
    """Note the ports of some services beside those of the others."""
    # The demo starts Superset beside Dagster: unguarded, the second to write would forget the first one's port.
    with ports_lock("the start of a service"):
        write_atomically(_ports_file(), json.dumps(remembered_ports() | ports), "new")
