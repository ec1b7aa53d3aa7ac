"""The lander: closed segments of all journals into bronze, in order, each once (`segment_lander.py`).

<home>/journal/<n>/  lander (lock) ─▶ the writer is asked to close what it writes ─▶ its closed segments, one by one
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.collector.http.keys import check_mounted
from connectors.collector.journal.segments import ask_to_close, close_left, closed_segments, lock
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
    deadline = time.monotonic() + most_seconds
    report = JournalReport()
    now, running, is_all = now_micros(), False, True
    failures: list[Exception] = []
    for folder in sorted(path for path in root.glob("*") if path.is_dir()):
        try:
            with _alone(folder) as is_ours:
                if not is_ours:
                    is_all = False
                    continue
                is_all = _close_open(folder) and is_all
                running = _is_written(folder) or running
                is_all = _land(lake, catalog, folder, report, on_segment, deadline) and is_all
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]
    if running and is_all:
        tell_clock(lake, catalog, now)
    return report


def _land(
    lake: Lake,
    catalog: Catalog,
    folder: Path,
    report: JournalReport,
    on_segment: Callable[[JournalReport], None],
    deadline: float,
) -> bool:
    """Land the closed segments of one journal; False where time ran out before the last."""
    segments = closed_segments(folder)
    if not segments:
        return True
    try:
        check_mounted(lake, "tenants")
    except FileNotFoundError:
        # Every tenant would be unknown.
        why = "it has no catalog of tenants, and a collector took events for one"
        raise TenureError(f"lake {lake.root}", why, "mount it, or set TENURE_HOME and TENURE_LAKE as it was") from None
    with lake.duck() as duck:
        for writer, number, path in segments:
            if time.monotonic() > deadline:
                return False
            SegmentLander(lake, catalog, duck, writer, number, path, report).land()
            report.segments += 1
            on_segment(report)
    return True


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
