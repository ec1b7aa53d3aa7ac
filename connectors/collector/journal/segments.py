"""The files of a journal's folder: who works on it, which segments are closed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from connectors.collector.journal.frames import torn_at
from warehouse_models.files import sync_folder, take_lock

# The file by which the lander asks the writer to close its segment.
ASKED = "close"


class ClosedSegment(NamedTuple):
    """A file that is written no more: the id of its writer, which of the writer's segments it is, where it is."""

    writer: str
    number: int
    path: Path


def lock(folder: Path, name: str = "lock") -> int | None:
    """The lock of a folder as an open descriptor, to be closed; None where another process holds it."""
    file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if take_lock(file):
        return file
    os.close(file)
    return None


def close_left(folder: Path) -> None:
    """Close the segments that a writer left open when it was killed, without their torn tails. Needs the lock."""
    for path in sorted(folder.glob("*.open")):
        close_segment(path, torn_at(path.read_bytes()))
    (folder / ASKED).unlink(missing_ok=True)


def ask_to_close(folder: Path) -> Path:
    """Ask the writer of a folder to close its segment; the file that is gone once it has."""
    asked = folder / ASKED
    asked.touch()
    return asked


def closed_segments(folder: Path) -> list[ClosedSegment]:
    """The closed segments of a folder, in the order in which they were begun.

    Without those behind one that is still open: the position would pass it, and it would be taken for landed.
    """
    names = sorted(path for path in folder.glob("*-*.*") if path.suffix in (".log", ".open"))
    closed: list[ClosedSegment] = []
    waits: set[str] = set()
    for path in names:
        writer, _, number = path.stem.rpartition("-")
        if path.suffix == ".open":
            waits.add(writer)
        elif writer not in waits:
            closed.append(ClosedSegment(writer, int(number), path))
    return closed


def close_segment(path: Path, size: int) -> None:
    """Close a segment at `size` bytes. Done before and interrupted, it is only made durable."""
    if path.exists() and size:
        if path.stat().st_size > size:
            with path.open("r+b") as file:
                file.truncate(size)
                os.fsync(file.fileno())
        path.rename(path.with_suffix(".log"))
    else:
        # Renamed already, where a sync failed behind it: the segments behind this one must not wait for it for ever.
        path.unlink(missing_ok=True)
    sync_folder(path.parent)
