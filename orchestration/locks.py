"""File locks between processes: one run a shard, one swap of the manifest at a time. A dead owner holds nothing."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from warehouse_models import home
from warehouse_models.errors import TenureError


@contextmanager
def file_lock(path: Path, what: str, wait: float) -> Iterator[None]:
    """Hold the lock file `path`; TenureError when another process keeps it longer than `wait` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TenureError(what, "another process is working on it", "wait for it, or stop it") from None
                time.sleep(0.05)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


def shard_lock(shard: str, wait: float = 600.0) -> AbstractContextManager[None]:
    """The build database of a shard has one writer."""
    return file_lock(home.build_path(shard).with_suffix(".lock"), f"shard {shard}", wait)
