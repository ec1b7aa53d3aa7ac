"""Locks between processes: files that one process holds at a time and that say who it is.

    run_lock       a whole run of a shard, by hand, sensor or schedule     <home>/run/shard-<shard>.lock
    shard_lock     the build database of a shard: one writer               <home>/build/<shard>.lock
    manifest_lock  the published manifest: one swap, or one pruning        <published>/.manifest.lock
    ports_lock     the ports of the services (services.py)                 <home>/run/ports.lock

The kernel drops a lock when its process ends, however it ends, so there is no stale lock to remove. Each raises
TenureError, naming the holder, when `patience` seconds were not enough.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.files import release_lock, take_lock

POLL_SECONDS = 0.05

OnWait = Callable[[str], None]


def run_lock(
    shard: str, owner: str, *, patience: float = 1800.0, on_wait: OnWait | None = None
) -> AbstractContextManager[None]:
    """Hold the shard for a whole run; `on_wait` hears once whom it waits for. TenureError after `patience` seconds."""
    return _hold(home.run_folder() / f"shard-{shard}.lock", f"shard {shard}", owner, patience, on_wait)


def shard_lock(shard: str, owner: str, *, patience: float = 600.0) -> AbstractContextManager[None]:
    """Hold the shard's build database. TenureError after `patience` seconds."""
    path = home.build_path(shard).with_suffix(".lock")
    return _hold(path, f"the build database of shard {shard}", owner, patience)


def manifest_lock(root: Path, owner: str, *, patience: float = 600.0) -> AbstractContextManager[None]:
    """Hold the manifest of the published folder `root`. TenureError after `patience` seconds."""
    return _hold(root / ".manifest.lock", "the published manifest", owner, patience)


def ports_lock(owner: str, *, patience: float = 10.0) -> AbstractContextManager[None]:
    """Hold the list of the services' ports. TenureError after `patience` seconds."""
    return _hold(home.run_folder() / "ports.lock", "the list of ports", owner, patience)


@contextmanager
def _hold(path: Path, what: str, owner: str, patience: float, on_wait: OnWait | None = None) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        deadline = time.monotonic() + patience
        while not take_lock(file.fileno()):
            # Empty for the instant between taking and signing.
            holder = path.read_text(encoding="utf-8") or "another process"
            if on_wait:
                on_wait(f"{what} is held by {holder}; waiting for it to finish")
                on_wait = None
            if time.monotonic() >= deadline:
                why = f"{holder} is working on it, still after {patience:g} s"
                raise TenureError(what, why, "wait for it, or stop it and try again (tenure status)")
            time.sleep(POLL_SECONDS)
        file.truncate(0)  # the name of a holder that was killed
        file.write(f"{owner} (process {os.getpid()})")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
            # Not left to close(): a child forked meanwhile shares the open file, and would keep the lock with it.
            release_lock(file.fileno())
