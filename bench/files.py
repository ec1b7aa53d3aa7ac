"""How many files each table holds over many daily runs, before and after `tenure maintain`.

Each day a few events of each tenant land and go the whole way to a publication. Time plays no part, so the machine may
be busy.
"""

from __future__ import annotations

import os
import shutil
from datetime import date, timedelta
from pathlib import Path

from bench.events import write_events
from bench.path import machine, run_path, say
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake.lake import Lake
from warehouse_models.specs import all_specs

START = date(2024, 1, 1)
A_DAY = 20
# Some are received up to three days late, and a file lands after what it holds was received.
LATE = timedelta(days=4)


def compare(folder: Path, *, days: int = 300, tenants: int = 10, step: int = 100, publish_every: int = 1) -> str:
    """The table of one run as Markdown: active files per table before and after upkeep, every `step` days.

    `publish_every`: days between runs that go on to gold and a publication; silver is brought up to date every day.
    """
    from orchestration.maintenance import maintain
    from transforms.runner import run_transforms

    shutil.rmtree(folder, ignore_errors=True)
    os.environ["TENURE_HOME"] = str(folder / "home")
    lake = Lake()
    counts: dict[str, list[int]] = {}
    for number in range(1, days + 1):
        day = START + timedelta(days=number - 1)
        first = number * tenants * A_DAY
        write_events(
            lake, "pool", tenants * A_DAY, tenants=tenants, days=1, start=f"{day}", first=first, landed=day + LATE
        )
        if number % publish_every == 0:
            run_path(lake)
        else:
            run_transforms(lake, "pool")
        if number % step == 0:
            _note(lake, counts)
            maintain(lake, "pool")
            _note(lake, counts)
            say(f"day {number}: {sum(numbers[-2] for numbers in counts.values())} files before, "
                f"{sum(numbers[-1] for numbers in counts.values())} after")  # fmt: skip
    lines = [
        f"| {address} | " + " | ".join(map(str, numbers)) + " |" for address, numbers in counts.items() if any(numbers)
    ]
    heads = [f"run {number}: {when}" for number in range(step, days + 1, step) for when in ("before", "after")]
    published = "each published" if publish_every == 1 else f"every {publish_every}th published"
    return (
        f"{machine()}; {tenants} tenants, {days} daily runs, {published}, `tenure maintain` every {step} runs\n\n"
        f"| active files | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}\n" + "\n".join(lines)
    )


def _note(lake: Lake, counts: dict[str, list[int]]) -> None:
    gold = [mart.spec for mart in gold_models.marts().values() if not mart.is_view]
    for spec in [*all_specs().values(), *gold]:
        table = lake.shard("pool").table(spec)
        counts.setdefault(spec.address, []).append(len(table.file_uris()) if table else 0)
