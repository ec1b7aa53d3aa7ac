"""The lander: closed segments of all journals into bronze, in order, each once (`segment.py`).

<home>/journal/<n>/  lander (lock) ─▶ the writer is asked to close what it writes ─▶ its closed segments, one by one
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from connectors.collector.http.keys import check_mounted
from connectors.collector.journal.segments import ClosedSegment, ask_to_close, close_left, closed_segments, lock
from connectors.collector.landing.clock import tell_clock
from connectors.collector.landing.segment import JournalReport, SegmentLander
from connectors.contracts.times import now_micros
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

__all__ = ["JournalReport", "land_journals"]
_CLOSING_SECONDS = 5.0


def land_journals(
    lake: Lake,
    catalog: Catalog,
    root: Path,
    on_segment: Callable[[JournalReport], None] = lambda _: None,
    *,
    most_seconds: float = math.inf,
) -> JournalReport:
    """Land all that the journals below `root` hold now; a running collector is asked to close what it is writing.

    A journal that another lander works on is left to it; after `most_seconds` no further segment is begun. Where a
    collector runs and nothing was left, its clock is told (`clock.py`). A journal that fails is left as it is, the
    others land, and then the failure is raised. TenureError: the lake is not there, or other writers keep winning.
    """
    began = now_micros()
    lander = _JournalLander(lake, catalog, on_segment, time.monotonic() + most_seconds)
    failures: list[Exception] = []
    for folder in sorted(path for path in root.glob("*") if path.is_dir()):
        try:
            lander.land(folder)
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]
    if lander.is_a_collector_running and lander.is_all_landed:
        tell_clock(lake, catalog, began)
    return lander.report


class _JournalLander:
    """Lands one journal after the other until `deadline` (monotonic seconds), and knows whether anything is left."""

    def __init__(
        self, lake: Lake, catalog: Catalog, on_segment: Callable[[JournalReport], None], deadline: float
    ) -> None:
        self._lake, self._catalog, self._on_segment, self._deadline = lake, catalog, on_segment, deadline
        self.report = JournalReport()
        self.is_all_landed, self.is_a_collector_running = True, False

    def land(self, folder: Path) -> None:
        """Land what a journal holds, unless another lander works on it."""
        with _alone(folder) as is_ours:
            if not is_ours:
                self.is_all_landed = False
                return
            if not _close_open(folder):
                self.is_all_landed = False
            if _is_written(folder):
                self.is_a_collector_running = True
            if segments := closed_segments(folder):
                self._land_segments(segments)

    def _land_segments(self, segments: Sequence[ClosedSegment]) -> None:
        self._check_lake()
        with self._lake.duck() as duck:
            for segment in segments:
                if time.monotonic() > self._deadline:
                    self.is_all_landed = False
                    return
                SegmentLander(self._lake, self._catalog, duck, segment, self.report).land()
                self.report.segments += 1
                self._on_segment(self.report)

    def _check_lake(self) -> None:
        try:
            check_mounted(self._lake, "tenants")
        except FileNotFoundError:
            # Every tenant would be unknown.
            why = "it has no catalog of tenants, and a collector took events for one"
            next_step = "mount it, or set TENURE_HOME and TENURE_LAKE as it was"
            raise TenureError(f"lake {self._lake.root}", why, next_step) from None


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    held = lock(folder, "lander")
    try:
        yield held is not None
    finally:
        if held is not None:
            os.close(held)


def _close_open(folder: Path) -> bool:
    """Have the segment that is being written closed: by its writer, or by us where nobody writes any more.

    False: the writer did not do it in time, and what it holds waits for the next lander.
    """
    if not any(folder.glob("*.open")):
        return True
    asked = ask_to_close(folder)
    deadline = time.monotonic() + _CLOSING_SECONDS
    while asked.exists():
        held = lock(folder)
        if held is not None:
            try:
                close_left(folder)
            finally:
                os.close(held)
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_written(folder: Path) -> bool:
    held = lock(folder)
    if held is not None:
        os.close(held)
    return held is None
