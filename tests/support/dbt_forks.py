"""dbt's process as a fork of one that has imported dbt and parsed the project: each run of a test saves 4 s of CPU.

    test ──(environment, log, pipes)──▶ mother, who parses once ──fork──▶ keeper ──fork──▶ dbt
      ▲                                                                     │
      └───────────────── dbt's pid, then how it ended ──────────────────────┘

Behind the parse everything is the product's own (`orchestration/gold/dbt/child.py`), in a process of its own as there.
dbt is started as users start it where a test changed the project, and by each `tenure` and Dagster in a process of
its own.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn

from orchestration.gold.dbt import child as dbt_child
from orchestration.gold.dbt import environment as dbt_environment
from orchestration.gold.dbt import process as dbt_process

_ROOT = Path(__file__).resolve().parents[2]
_PROJECT = dbt_environment.project()
_MOST = 1 << 20
# Nobody reads what dbt writes beside its work; in a campaign of faults each line would be a call that waits.
_QUIET = {"DBT_LOG_LEVEL_FILE": "none", "DBT_WRITE_JSON": "false"}
_start_as_users_do = dbt_process.DbtProcess.start_child


class Mother:
    """The process that dbt's processes are forked from; started when the first is asked for."""

    def __init__(self) -> None:
        self._mine: socket.socket | None = None

    def start(self, process: dbt_process.DbtProcess) -> Any:
        """Instead of DbtProcess.start_child."""
        if dbt_environment.project() != _PROJECT:
            return _start_as_users_do(process)
        environment = os.environ | dbt_environment.environment_of(process.shard)
        return _Child(self._socket(), {"shard": process.shard, "log": str(process.log), "environment": environment})

    def _socket(self) -> socket.socket:
        if self._mine is None:
            self._mine, hers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for end in (self._mine, hers):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST)
            with hers:
                # What dbt's forks leave behind of multiprocessing is cleared when the mother ends, which warns of it.
                quiet = ["-W", "ignore:resource_tracker"]
                command = [sys.executable, *quiet, "-m", "tests.support.dbt_forks", str(hers.fileno())]
                subprocess.Popen(command, cwd=_ROOT, pass_fds=[hers.fileno()], stdin=subprocess.DEVNULL)
        return self._mine


class _Child:
    """As much of subprocess.Popen as DbtProcess needs."""

    def __init__(self, mother: socket.socket, wanted: Mapping[str, Any]) -> None:
        (read_line, write_line), (read_told, write_told), (read_end, write_end) = os.pipe(), os.pipe(), os.pipe()
        socket.send_fds(mother, [json.dumps(wanted).encode()], [read_line, write_told, write_end])
        for file in (read_line, write_told, write_end):
            os.close(file)
        self.stdin, self.stdout, self._end = os.fdopen(write_line, "w"), os.fdopen(read_told), os.fdopen(read_end)
        self.pid = int(self._end.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        is_told = self.returncode is None and select.select([self._end], [], [], 0)[0]
        return self.wait() if is_told else self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            with self._end:
                self.returncode = int(self._end.readline())
        return self.returncode

    def terminate(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


def parse(shard: str, environment: Mapping[str, str]) -> Any:
    """The project as a shard's runs need it; the home may be another one later."""
    os.environ.update({**environment, **_QUIET})
    parsed = dbt_child.parse(dbt_environment.options())
    if not parsed.success:
        raise RuntimeError(f"dbt cannot parse the project for shard {shard}: {parsed.exception}")
    return parsed


def work(parsed: Any, log: Path, wanted: IO[str], answers: IO[str]) -> NoReturn:
    """Be dbt's process: do what comes from `wanted`, and end. Only in a fork."""
    code = 1
    try:
        dbt_child.die_with_parent()
        sys.stdout = sys.stderr = log.open("w", encoding="utf-8")
        os.chdir(log.parent)
        code = dbt_child.work(parsed, dbt_environment.options(), wanted, answers)
        sys.stderr.flush()
    finally:
        os._exit(code)


def _be_mother(hers: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    projects: dict[str, Any] = {}
    while True:
        text, files, _, _ = socket.recv_fds(hers, _MOST, 3)
        if not text:
            return
        wanted = json.loads(text)
        shard = wanted["shard"]
        if shard not in projects:
            projects[shard] = parse(shard, wanted["environment"])
            # A fork that looked through it for garbage would copy each page of it.
            gc.collect()
            gc.freeze()
        if os.fork() == 0:
            hers.close()
            _keep(projects[shard], wanted, *files)
        for file in files:
            os.close(file)


def _keep(parsed: Any, wanted: Mapping[str, Any], line: int, answers: int, end: int) -> NoReturn:
    """Be a keeper: fork dbt's process, and tell its pid and how it ends."""
    dbt_child.die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(end)
        os.environ.clear()
        os.environ.update({**wanted["environment"], **_QUIET})
        work(parsed, Path(wanted["log"]), os.fdopen(line), os.fdopen(answers, "w"))
    for file in (line, answers):
        os.close(file)
    with os.fdopen(end, "w", buffering=1) as tell:
        tell.write(f"{pid}\n")
        tell.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        tell.flush()
    os._exit(0)


if __name__ == "__main__":
    _be_mother(socket.socket(fileno=int(sys.argv[1])))
