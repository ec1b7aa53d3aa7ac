"""How files are written and locked: whole or not at all, on the disk before their name is, by one process at a time.

    write_atomically(path, content)     a small file that replaces another one
    replacing(path)                     the same for content that comes in parts
    put_in_place(temporary, path)       the same for a file that something else wrote
    sync_folder, sync_disk              names, or everything on a disk, survive a power cut from here on
    take_lock, release_lock             flock; the kernel drops it when the process ends, however it ends

Standard library only: Superset's environment imports this module too.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_atomically(
    path: Path, content: str | bytes, temporary: str | None = None, *, mode: int = 0o666, is_name_synced: bool = False
) -> None:
    """Replace a small file so that a reader sees the old content or the new one, also after a power cut.

    Text is written as UTF-8. Which of the two is there after a power cut is open, unless `is_name_synced`. `temporary`
    and `mode` as in `replacing`. OSError: the disk does not take it, and the old file stays.
    """
    with replacing(path, temporary, mode=mode) as file:
        file.write(content.encode() if isinstance(content, str) else content)
    if is_name_synced:
        sync_folder(path.parent)


@contextmanager
def replacing(path: Path, temporary: str | None = None, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file beside `path` that takes its place at the end of the block; what raises in the block leaves `path` alone.

    `temporary`: how its name ends meanwhile. A writer who is alone with `path` gives one, and what a kill leaves is
    used up by the next; by default each has its own. `mode`: its permissions, less the umask, from the first instant.
    """
    ending = temporary or f"{os.getpid()}.{secrets.token_hex(4)}"
    written = path.with_name(f".{path.name}.{ending}")
    try:
        with open(written, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(written, path)
    finally:
        written.unlink(missing_ok=True)


def put_in_place(temporary: Path, path: Path) -> None:
    """Give a file that is written the name `path`; its content is on the disk before."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def sync_folder(folder: Path) -> None:
    """Make names that were added to or taken from a folder durable."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def sync_disk(folder: Path) -> None:
    """Make all that was written to the disk of a folder durable, by whomever. OSError: it may not be."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:  # not Linux
        return os.sync()
    file = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(file):
            raise OSError(ctypes.get_errno(), "the disk cannot be synced")
    finally:
        os.close(file)


def take_lock(file: int) -> bool:
    """Take the lock of an open file for this process; False where another one holds it. It ends with the descriptor."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def release_lock(file: int) -> None:
    """Give the lock back at once: a child that was forked meanwhile shares the open file, and would keep the lock."""
    fcntl.flock(file, fcntl.LOCK_UN)
