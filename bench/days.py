"""What one more day costs on top of 30 and of 300, against that day alone; and a late event, against the newest day.

A lake with the history is made once and copied for each trial, so that each starts from the same state. A trial runs
in this process, after a trial that is thrown away: imports and first use are not what is measured.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from statistics import median

from bench.events import write_events
from bench.path import land_events, machine, run_path, say, total
from warehouse_models.lake.lake import Lake

START = datetime(2024, 1, 1, tzinfo=UTC)


def compare(
    folder: Path, *, tenants: int = 20, a_day: int = 20_000, trials: int = 3, spans: tuple[int, ...] = (30, 300)
) -> str:
    """The table of one run as Markdown. `a_day`: events of all tenants on a day."""

    os.environ["TENURE_HOME"] = str(folder / "home")
    alone = median(_one_day(folder, 0, tenants, a_day) for _ in range(trials + 1))
    say(f"a day alone: {alone:.1f} s")
    lines = [f"| that day alone | {alone:.1f} s | 1 | |"]
    for span in spans:
        made = _history(folder, span, tenants, a_day)
        taken = median(_one_day(folder, span, tenants, a_day, made) for _ in range(trials))
        say(f"on top of {span} days: {taken:.1f} s")
        lines.append(f"| that day on top of {span} days | {taken:.1f} s | {taken / alone:.2f} | ≤ 1.5 |")
    span = max(spans)
    newest = median(_late(folder, made, span, 1) for _ in range(trials))
    late = median(_late(folder, made, span, 200) for _ in range(trials))
    lines.append(f"| an event on the newest of {span} days | {newest:.1f} s | | |")
    lines.append(f"| a late event 200 days back | {late:.1f} s | {late / newest:.2f} of the newest day | ≤ 2 |")
    head = f"{machine()}, median of {trials}; {tenants} tenants, {a_day:,} events a day; silver to published\n\n"
    return head + "| run | time | against that day alone | goal |\n|---|---|---|---|\n" + "\n".join(lines)


def _history(folder: Path, span: int, tenants: int, a_day: int) -> Path:
    """A home with `span` days that have been through the whole path; kept between calls."""
    made = folder / f"history-{span}-{tenants}-{a_day}"
    if not (made / "done").exists():
        shutil.rmtree(made, ignore_errors=True)
        lake = _open(folder)
        # Landed day by day would be landed `span` times; one commit a tenant a month is what a back-fill looks like.
        write_events(lake, "pool", a_day * span, tenants=tenants, days=span, start=f"{START.date()}")
        say(f"history of {span} days: {total(run_path(lake)):.1f} s")
        shutil.move(folder / "home", made)
        (made / "done").touch()
    return made


def _one_day(folder: Path, span: int, tenants: int, a_day: int, made: Path | None = None) -> float:
    lake = _open(folder, made)
    day = START + timedelta(days=span)
    write_events(lake, "pool", a_day, tenants=tenants, days=1, start=f"{day.date()}", first=a_day * span)
    return total(run_path(lake))


def _late(folder: Path, made: Path, span: int, back: int) -> float:
    lake = _open(folder, made)
    noon = datetime.combine((START + timedelta(days=span - back)).date(), time(12), UTC)
    land_events(lake, folder / "files", "bench_1", [noon], f"late-{back}")
    return total(run_path(lake))


def _open(folder: Path, made: Path | None = None) -> Lake:
    """The lake of a home that is empty, or a copy of `made`."""
    shutil.rmtree(folder / "home", ignore_errors=True)
    if made:
        shutil.copytree(made, folder / "home")
    return Lake()
