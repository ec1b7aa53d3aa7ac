"""Background processes of a TENURE_HOME: started with a log and a pid file, stopped by process group, safe twice.

    <home>/run/<name>.pid     {"pid", "started", "command"}       <home>/logs/<name>.log     what it printed

A pid that the kernel has given to somebody else is never signalled: the start time in the file tells them apart.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse_models import home
from warehouse_models.errors import TenureError


@dataclass(frozen=True)
class Running:
    """A process that runs: its id (also the id of its group) and what was started."""

    name: str
    pid: int
    command: list[str]


def log_path(name: str) -> Path:
    """Log file of a service; the folder is created on demand."""
    folder = home.home() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


def start(name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None) -> Running:
    """Start `command` as a group of its own, detached from this terminal; the running one if there is one already."""
    if existing := running(name):
        return existing
    with log_path(name).open("ab") as log:
        log.write(f"\n--- {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {' '.join(command)}\n".encode())
        log.flush()
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    note = {"pid": process.pid, "started": _started(process.pid), "command": list(command)}
    _pid_file(name).write_text(json.dumps(note))
    return Running(name, process.pid, list(command))


def running(name: str) -> Running | None:
    """The process of this name, or None; a pid file of a process that is gone is removed."""
    path = _pid_file(name)
    try:
        noted = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        path.unlink(missing_ok=True)
        return None
    if is_alive(noted["pid"]) and _started(noted["pid"]) == noted["started"]:
        return Running(name, noted["pid"], noted["command"])
    path.unlink(missing_ok=True)
    return None


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def stop_all(names: Sequence[str], patience: float = 15.0) -> list[str]:
    """Stop processes and their groups at once: politely, after `patience` seconds by force; names of those that ran."""
    processes = [process for name in names if (process := running(name))]
    for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(_group_lives(process.pid) for process in processes):
            time.sleep(0.1)
    for process in processes:
        _pid_file(process.name).unlink(missing_ok=True)
    return [process.name for process in processes]


def wait_until(name: str, ready: Callable[[], bool], seconds: float) -> None:
    """Wait until `ready()`; TenureError with the end of the log where the process dies or takes longer."""
    deadline = time.monotonic() + seconds
    while not ready():
        if running(name) is None:
            raise TenureError(name, f"it ended while starting: {_tail(name)}", f"read {log_path(name)}")
        if time.monotonic() > deadline:
            why = f"it does not answer after {seconds:.0f} s: {_tail(name)}"
            raise TenureError(name, why, f"read {log_path(name)}")
        time.sleep(0.2)


def listens(port: int) -> bool:
    """Whether something accepts connections on `port` of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def check_port(port: int, what: str, variable: str) -> None:
    """TenureError where `port` is taken; names the setting that chooses another one."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise TenureError(
                f"port {port} of {what}",
                "another program is using it",
                f"stop that program, or choose a free port: {variable}={port + 10} (or 0 for any)",
            ) from error


def free_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _pid_file(name: str) -> Path:
    return home.run_folder() / f"{name}.pid"


def _started(pid: int) -> str:
    """When the kernel started this process (clock ticks since boot, or what `ps` says), to tell reused ids apart."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
        return listed.stdout.strip()


def _group_lives(group: int) -> bool:
    # A child of ours that ended stays a zombie, and its group with it, until we collect its exit.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(group, os.WNOHANG)
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _tail(name: str, lines: int = 6) -> str:
    text = log_path(name).read_text(errors="replace").splitlines()[-lines:]
    return " | ".join(line.strip() for line in text if line.strip()) or "it said nothing"
