"""What can happen to a process at a change of a file, beside what `tests/faults/injector.py` knows: what disks do.

A power cut takes what was not synced: bytes behind the last sync of a file (or they are zeros, or garbage), the name of
a file whose folder was not synced, commits of a lake whose disk was not. A sync that fails loses the pages that it was
for, as Linux does.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.injector import NEEDS_SPACE, Child, Fault, Point, Watch
from tests.faults.syscalls import WRITES, Call, Listener

_SYNCS = ("fsync", "fdatasync")


@dataclass(frozen=True)
class Strike(Fault):
    """A fault at the `skip`-th point (from 0) that is `where`. A full disk has room again after `refusals`."""

    where: Callable[[Point], bool] = lambda point: True
    skip: int = 0
    refusals: int = 1_000_000


class JournalWatch(Watch):
    """The watch of a collector or a lander. `point`: where the fault happened."""

    def __init__(self, child: Child, home: Path, fault: Fault | None, log: Path) -> None:
        super().__init__(child, home, fault, log)
        self.point: Point | None = None
        self.is_power_cut = False
        # Ends everybody else at the moment of a power cut: nobody may see the disk between that and what is lost.
        self.blackout: Callable[[], None] = lambda: None
        self._matched = self._refused = 0
        # By segment (writer and number): bytes on the disk, the name that its folder has there.
        self._ours: set[str] = set()
        # What others left there is theirs to have synced.
        self._durable: dict[str, int] = {}
        self._named: dict[str, str] = {}
        for path in self._segments():
            with suppress(FileNotFoundError):  # landed in this moment
                self._durable[path.stem], self._named[path.stem] = path.stat().st_size, path.name
        self._then: list[tuple[str, frozenset[str] | set[str], int]] = []
        # Files of Delta's logs that are on the disk.
        self._commits = set(self._logs())
        self._dropped: tuple[Path, bytes] | None = None

    def _answer(self, listener: Listener, call: Call) -> None:
        path = Path(call.path)
        if path.suffix in (".open", ".log"):
            self._ours.add(path.stem)
        if self._then and call.path == self._then[0][0] and call.name in self._then[0][1]:
            return listener.refuse(call, self._then.pop(0)[2])
        if self.is_full and call.name in NEEDS_SPACE and call.path.startswith(f"{self.home}/"):
            assert isinstance(self.fault, Strike)
            self._refused += 1
            self.is_full = self._refused < self.fault.refusals
        synced = self._to_be_synced(path) if call.name in _SYNCS else None
        commits = self._logs() if call.name == "syncfs" else []
        had_fired = self.fired
        super()._answer(listener, call)
        if synced is not None and self.fired == had_fired:
            self._durable |= synced[0]
            self._named |= synced[1]
        if self.fired == had_fired:
            self._commits.update(commits)

    def _to_be_synced(self, path: Path) -> tuple[dict[str, int], dict[str, str]]:
        try:
            if path.is_dir():
                return {}, {each.stem: each.name for each in path.iterdir() if each.suffix in (".open", ".log")}
            return {path.stem: path.stat().st_size}, {}
        except OSError:
            return {}, {}

    def _segments(self) -> list[Path]:
        return sorted(path for path in self.home.glob("journal/*/*-*.*") if path.suffix in (".open", ".log"))

    def _logs(self) -> list[Path]:
        return sorted(self.home.glob("lake/**/_delta_log/*.json"))

    def _is_due(self, point: Point, fault: Fault) -> bool:
        assert isinstance(fault, Strike)
        if not fault.where(point):
            return False
        self._matched += 1
        if self._matched - 1 != fault.skip:
            return False
        self.point = point
        return True

    def _happen(self, listener: Listener, call: Call, fault: Fault) -> None:
        if fault.kind == "power":
            self.is_power_cut = True
            self.blackout()
            self.child.kill()
        elif fault.kind == "cut":
            # A part arrives, the rest finds no room, and taking back the part fails.
            self._then = [(call.path, WRITES, errno.ENOSPC), (call.path, {"ftruncate"}, errno.EIO)]
            listener.cut(call, fault.part, answer=True)
        elif fault.kind == "back":
            self._dropped = Path(call.path), Path(call.path).read_bytes()
            listener.allow(call)
        elif fault.kind == "failed" and call.name in _SYNCS and call.path.endswith(".open"):
            self._lose_pages(Path(call.path))
            listener.refuse(call, errno.EIO)
        else:
            super()._happen(listener, call, fault)

    def _lose_pages(self, path: Path) -> None:
        size, durable = path.stat().st_size, self._durable.get(path.stem, 0)
        with path.open("r+b") as file:
            file.seek(durable)
            file.write(b"\0" * (size - durable))

    def after_its_end(self, random: Random) -> None:
        """What the disk is found to hold once the process is gone."""
        if self._dropped is not None and not self._dropped[0].exists():
            self._dropped[0].write_bytes(self._dropped[1])
        if not self.is_power_cut:
            return
        for path in self._segments():
            if path.stem in self._ours:
                self._take_unsynced(path, random)
        if not any(point.path.startswith("lake/") for point in self.points):
            return
        unsynced: dict[Path, list[Path]] = {}
        for path in self._logs():
            if path not in self._commits:
                unsynced.setdefault(path.parent, []).append(path)
        for paths in unsynced.values():
            # The newest go, as if they had never been; a commit that is there and empty is another matter (docs).
            for path in paths[random.randrange(len(paths)) if random.random() < 0.5 else 0 :]:
                path.unlink()

    def _take_unsynced(self, path: Path, random: Random) -> None:
        content, durable = path.read_bytes(), self._durable.get(path.stem, 0)
        named = self._named.get(path.stem)
        if named is None and random.random() < 0.5:
            return path.unlink()
        if named is not None and named != path.name and random.random() < 0.5:
            path = path.rename(path.with_name(named))
        if len(content) <= durable:
            return
        kept = random.randint(durable, len(content))
        lost = len(content) - kept
        tail: Any = random.choice((b"", b"\0" * lost, random.randbytes(lost)))
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content[:kept] + tail)
