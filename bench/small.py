"""The sensor's run over a few new events of one tenant among 200, split by step, on two lakes: idle, and 300 days deep.

Also what nothing can undercut: dbt's own start (import and parse, no model), measured beside it.
"""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bench.events import write_events
from bench.path import land_events, machine, run_path, say
from warehouse_models.lake.lake import Lake

START = datetime(2024, 1, 1, tzinfo=UTC)
EVENTS = 5


def compare(folder: Path, *, tenants: int = 200, a_day: int = 4_000, days: int = 300, trials: int = 3) -> str:
    """The table of one run as Markdown. `a_day`: events of all tenants on a day; idle: a lake of one day."""
    measured = {span: _measure(folder, span, tenants, a_day, trials) for span in (1, days)}
    names = list(measured[1])
    rows = [
        f"| {name} | {measured[1][name]:.2f} s | {measured[days][name]:.2f} s |"
        for name in names
        if name != "dbt alone"
    ]
    rows.append(
        "| **from landing to published** | "
        + " | ".join(f"**{sum(s for n, s in measured[span].items() if n != 'dbt alone'):.1f} s**" for span in (1, days))
        + " |"
    )
    rows.append(
        f"| dbt's own start, by itself | {measured[1]['dbt alone']:.2f} s | {measured[days]['dbt alone']:.2f} s |"
    )
    head = (
        f"{machine()}, median of {trials}; {EVENTS} events of one tenant among {tenants}\n\n"
        f"| step | lake of 1 day | lake of {days} days |\n|---|---|---|\n"
    )
    return head + "\n".join(rows)


def _measure(folder: Path, span: int, tenants: int, a_day: int, trials: int) -> dict[str, float]:
    home = folder / f"small-{span}-{tenants}-{a_day}"
    os.environ["TENURE_HOME"] = str(home)
    if not (home / "done").exists():
        shutil.rmtree(home, ignore_errors=True)
        write_events(Lake(), "pool", a_day * span, tenants=tenants, days=span, start=f"{START.date()}")
        run_path(Lake())
        (home / "done").touch()
    lake = Lake()
    taken: list[dict[str, float]] = []
    label = f"{time.time_ns()}"
    for trial in range(trials + 1):
        noon = START + timedelta(days=span - 1, hours=12, minutes=trial)
        times = [noon + timedelta(seconds=number) for number in range(EVENTS)]
        landing = land_events(lake, folder / "files", "bench_7", times, f"small-{label}-{trial}")
        taken.append({"land": landing} | run_path(lake))
        say(f"{span} days, trial {trial}: {sum(taken[-1].values()):.1f} s")
    # The first one pays for imports and caches.
    medians = {name: median(steps[name] for steps in taken[1:]) for name in taken[0]}
    return medians | {"dbt alone": median(_dbt_alone() for _ in range(trials))}


def _dbt_alone() -> float:
    """Seconds until a dbt process has imported and parsed; it is given nothing to do."""
    from orchestration.gold.dbt.process import DbtProcess

    clock = time.perf_counter()
    with DbtProcess("pool") as dbt:
        dbt.run({"run": False, "full_refresh": False, "test": False}, lambda event: None)
    return time.perf_counter() - clock
