"""Background processes: started once, stopped with all their children, never mistaken for somebody else's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.services import processes
from orchestration.services.processes import is_alive
from warehouse_models.errors import TenureError

# A parent with a child of its own, as Dagster's and Superset's servers are.
FAMILY = "import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
FAMILY += "print(c.pid, flush=True); time.sleep(60)"


@pytest.fixture
def server(tenure_home: Path) -> Iterator[processes.Running]:
    yield processes.start("server", [sys.executable, "-c", FAMILY], env=os.environ)
    processes.stop_all(["server"], patience=2)


def child_of(name: str) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        lines = processes.log_path(name).read_text().split("\n")
        if numbers := [line for line in lines if line.isdigit()]:
            return int(numbers[-1])
        time.sleep(0.05)
    raise AssertionError("the child never came")


def test_starting_twice_starts_one(server: processes.Running) -> None:
    again = processes.start("server", [sys.executable, "-c", FAMILY], env=os.environ)
    assert again.pid == server.pid


def test_stopping_takes_the_children_along_and_is_safe_twice(server: processes.Running) -> None:
    child = child_of("server")
    assert processes.stop_all(["server"]) == ["server"]
    assert not is_alive(server.pid)
    assert not is_alive(child)
    assert processes.stop_all(["server"]) == []


def test_a_process_that_ignores_the_request_is_killed(tenure_home: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    started = processes.start("deaf", [sys.executable, "-c", deaf], env=os.environ)
    child_of("deaf")
    assert processes.stop_all(["deaf"], patience=0.5) == ["deaf"]
    assert not is_alive(started.pid)


def test_an_id_that_the_kernel_gave_to_somebody_else_is_never_signalled(tenure_home: Path) -> None:
    record = {"pid": os.getpid(), "started": "long ago", "command": ["server"]}
    (tenure_home / "run").mkdir(parents=True)
    (tenure_home / "run" / "server.pid").write_text(json.dumps(record))
    assert processes.running("server") is None
    assert processes.stop_all(["server"]) == []


def test_a_process_that_dies_while_starting_is_told_with_its_last_words(tenure_home: Path) -> None:
    processes.start("short", [sys.executable, "-c", "raise SystemExit('no config file')"], env=os.environ)
    with pytest.raises(TenureError, match="no config file"):
        processes.wait_until("short", lambda: False, 30)


def test_a_taken_port_is_told_with_the_setting_that_chooses_another(tenure_home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TenureError) as refused:
            processes.check_port(port, "Dagster", "TENURE_DAGSTER_PORT")
    assert str(port) in refused.value.what
    assert "TENURE_DAGSTER_PORT=" in refused.value.next_step
    processes.check_port(port, "Dagster", "TENURE_DAGSTER_PORT")


def test_a_process_that_ended_is_not_alive_even_before_its_parent_looked() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 20
    while is_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(process.pid)
    process.wait()
