"""Payloads of a journal that nobody can take now: their tenant is unknown, or another version of Tenure wrote them.

    segment ─▶ <id>-00000001.waiting ─▶ `tenure collector retry`: .log, which the next landing takes

The file is a segment of a writer of its own: the position of the one that the payloads come from says that it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from connectors.collector.journal.frames import Damage, frame, read_frames
from warehouse_models.files import sync_folder, write_atomically

_SUFFIX = ".waiting"


def put_aside(folder: Path, payloads: Sequence[bytes]) -> Path:
    """Write payloads durably beside the journal in a folder; the file, whose name their content makes."""
    content = b"".join(map(frame, payloads))
    path = folder / f"{sha256(content).hexdigest()[:24]}-00000001{_SUFFIX}"
    # Two landers never work on one folder, so the name is ours.
    write_atomically(path, content, "begun", is_name_synced=True)
    return path


def waiting(root: Path) -> Iterator[tuple[Path, int]]:
    """What waits below a folder of journals: each file, and how many requests it holds."""
    for path in sorted(root.glob(f"*/*{_SUFFIX}")):
        yield path, sum(not isinstance(part, Damage) for part in read_frames(path.read_bytes()))


def retry(root: Path) -> tuple[int, int]:
    """Give what waits to the next landing; how many files and requests. What still is nobody's will wait again."""
    files = requests = 0
    for path, count in list(waiting(root)):
        path.rename(path.with_suffix(".log"))
        sync_folder(path.parent)
        files, requests = files + 1, requests + count
    return files, requests
