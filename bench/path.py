"""The whole path of one shard, silver to published, in steps with seconds; and small helpers the measurements share."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from warehouse_models.lake.lake import Lake

EVENT = {"type": "track", "event": "feature_1"}


def run_path(lake: Lake, shard: str = "pool") -> dict[str, float]:
    """Silver, gold with its audit, publication, as a run does them, without Dagster; seconds by step."""
    from orchestration.gold.build import run_gold
    from orchestration.gold.dbt.process import DbtProcess
    from orchestration.publish.publish import publish
    from transforms.runner import run_transforms

    seconds: dict[str, float] = {}
    clock = time.perf_counter()
    # As orchestration/pipeline.py does: dbt imports and parses while silver is computed.
    with DbtProcess(shard) as dbt:
        run_transforms(lake, shard)
        seconds["silver"] = time.perf_counter() - clock
        clock = time.perf_counter()
        result = run_gold(lake, shard, dbt=dbt)
    if not result.ok:
        red = {slug: verdict.reason for slug, verdict in result.verdicts.items() if not verdict.green}
        raise SystemExit(f"the run is no measurement: {result.error or red}")
    waits = ("prepare", "dbt_start", "dbt", "bronze_in_wait", "audit")
    seconds |= {f"gold: {name}": result.seconds.get(name, 0.0) for name in waits}
    seconds["gold: dbt"] -= seconds["gold: dbt_start"]
    clock = time.perf_counter()
    publish(lake, shard, result.verdicts)
    seconds["publish"] = time.perf_counter() - clock
    return seconds


def total(steps: dict[str, float]) -> float:
    """Seconds of a whole path."""
    return sum(steps.values())


def land_events(lake: Lake, folder: Path, tenant: str, times: list[datetime], label: str) -> float:
    """Land a few events of a tenant as a file would bring them; seconds."""
    from connectors.landing.land import land
    from warehouse_models.catalog.tenants import Catalog

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{label}.jsonl"
    rows = (
        EVENT
        | {
            "messageId": f"{label}-{number}",
            "userId": f"u{number % 7}",
            "timestamp": moment.isoformat(),
            "receivedAt": moment.isoformat(),
            "context": {"groupId": f"acc{number % 5}"},
        }
        for number, moment in enumerate(times)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    clock = time.perf_counter()
    report = land(lake, Catalog(lake), tenant, "events", [path])
    if report.accepted != len(times):
        raise SystemExit(f"{report.accepted} of {len(times)} events landed: {path}")
    return time.perf_counter() - clock


def machine() -> str:
    """The line that says when and on what it was measured."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {gib:.0f} GiB, "
        f"{platform.system()} {platform.machine()}, one run"
    )


def say(line: str) -> None:
    """Progress, on stderr."""
    print(f"  {line}", file=sys.stderr, flush=True)
