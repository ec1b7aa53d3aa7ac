"""One run at a time on a shard, whoever started it: `tenure run`, the sensor or the schedule.

Held from the first step of a run to its last, on a file under `<home>/run` that also says who holds it. The kernel
drops the lock when the process ends, however it ends, so there is no stale lock to remove. (`locks.py` guards single
files inside a run; this one waits for minutes and tells whom it is waiting for.)
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from warehouse_models import home
from warehouse_models.errors import TenureError

POLL_SECONDS = 0.5


def run_folder() -> Path:
    """Folder of locks and pid files; created on demand."""
    path = home.home() / "run"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def run_lock(
    shard: str, owner: str, *, patience: float = 1800.0, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the shard for the length of the block.

    Waits up to `patience` seconds for another holder, tells `on_wait` once who that is, then raises TenureError.
    """
    with (run_folder() / f"shard-{shard}.lock").open("a+") as file:
        _acquire(file, shard, patience, on_wait)
        _sign(file, json.dumps({"owner": owner, "pid": os.getpid()}))
        try:
            yield
        finally:
            _sign(file, "")


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


def _acquire(file: IO[str], shard: str, patience: float, on_wait: Callable[[str], None] | None) -> None:
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = _holder(file)
        if on_wait and not told:
            on_wait(f"shard {shard} is held by {holder}; waiting for it to finish")
            told = True
        if time.monotonic() >= deadline:
            why = f"{holder} has been working on it for more than {patience:.0f} s"
            raise TenureError(f"shard {shard}", why, "wait for it, or stop it and run again (tenure status)")
        time.sleep(min(POLL_SECONDS, max(patience, 0.01)))


def _sign(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        told = json.loads(file.read())
        return f"{told['owner']} (process {told['pid']})"
    except (ValueError, KeyError):
        return "another run"
