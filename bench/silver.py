"""Bronze to silver: our embedded engine against hand-written DuckDB SQL over plain Parquet, and against Spark.

Each contestant runs in a process of its own (its peak memory is its own), in turn, on the same events; row counts of
what they wrote must agree. Ratios are of one run on one machine.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.events import write_events
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake

_TABLES = ("events", "activity", "sessions", "usage_daily")
MEMORY = "2500MB"


def compare(count: int, folder: Path, *, spark_count: int | None = None, pairs: int = 1) -> str:
    """Run the comparison on `count` events below `folder` and return its table as Markdown."""
    _prepare(count, folder)
    lines = []
    times: dict[str, list[float]] = {"ours": [], "hand": []}
    peaks: dict[str, float] = {}
    rows: dict[str, dict[str, int]] = {}
    for _ in range(pairs):
        for name in ("hand", "ours"):
            contest = _contest(name, folder)
            times[name].append(contest["seconds"])
            peaks[name] = max(peaks.get(name, 0.0), contest["peak_gb"])
            rows[name] = contest["rows"]
    if rows["ours"] != rows["hand"]:
        raise SystemExit(f"they did not do the same work: ours {rows['ours']}, by hand {rows['hand']}")
    ours, hand = sorted(times["ours"])[pairs // 2], sorted(times["hand"])[pairs // 2]
    lines.append(
        f"| hand-written DuckDB SQL, Parquet to Parquet | {count:,} | {hand:.1f} s | {peaks['hand']:.1f} GB | 1 |"
    )
    lines.append(f"| Tenure, DuckDB to Delta | {count:,} | {ours:.1f} s | {peaks['ours']:.1f} GB | {hand / ours:.2f} |")
    if spark_count:
        smaller = folder / "spark"
        _prepare(spark_count, smaller)
        mine, spark = _contest("ours", smaller), _contest("spark", smaller)
        ratio = mine["seconds"] / spark["seconds"]
        lines.append(
            f"| Tenure, DuckDB to Delta | {spark_count:,} | {mine['seconds']:.1f} s | {mine['peak_gb']:.1f} GB | |"
        )
        lines.append(
            f"| Tenure, Spark local[2] to Delta (session start not counted) | {spark_count:,} "
            f"| {spark['seconds']:.1f} s | {spark['peak_gb']:.1f} GB | {ratio:.2f} of the embedded speed |"
        )
    head = (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()} "
        f"{platform.machine()}, DuckDB memory limit {MEMORY}, one run, median of {pairs}\n\n"
        "| bronze to silver | events | time | peak memory | speed against hand-written |\n|---|---|---|---|---|\n"
    )
    return head + "\n".join(lines)


def _prepare(count: int, folder: Path) -> None:
    """Events in a lake and the same rows as plain Parquet with naive times; kept between calls."""
    done = folder / f"{count}.done"
    if done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "hand" / "bronze").mkdir(parents=True)
    lake = Lake(str(folder / "lake"))
    write_events(lake, "pool", count)
    connection = duck.connect()
    zoned = ("received_at", "landed_at", "timestamp", "original_timestamp", "sent_at", "updated_at")
    naive = ", ".join(f"make_timestamp(epoch_us({name})) AS {name}" for name in zoned)
    scan = lake.shard("pool").scan("bronze/product/events")
    connection.execute(
        f"COPY (SELECT * REPLACE ({naive}) FROM {scan}) TO '{folder / 'hand' / 'bronze'}' "
        "(FORMAT parquet, PER_THREAD_OUTPUT true, COMPRESSION zstd, OVERWRITE_OR_IGNORE)"
    )
    done.touch()


def _contest(name: str, folder: Path) -> dict[str, dict[str, int] | float]:  # type: ignore[type-arg]
    environment = {
        **os.environ,
        "TENURE_HOME": str(folder / "home"),
        "TENURE_MEMORY_LIMIT": MEMORY,
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.silver", name, str(folder)], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {name}: {figures['seconds']:.1f} s, {figures['peak_gb']:.1f} GB", file=sys.stderr, flush=True)
    return figures  # type: ignore[return-value]


def _ours(folder: Path, engine: str) -> tuple[float, dict[str, int]]:
    from transforms.engines.open import open_engine
    from transforms.runner import run_transforms

    lake = Lake(str(folder / "lake"))
    shutil.rmtree(folder / "lake" / "shards" / "pool" / "silver", ignore_errors=True)
    opened = open_engine(engine, lake)
    opened.rows("SELECT 1")
    started = time.perf_counter()
    for result in run_transforms(lake, "pool", opened):
        print(f"{result.address} {result.seconds:.1f} s", file=sys.stderr)
    seconds = time.perf_counter() - started
    opened.close()
    scans = {name: lake.shard("pool").scan(f"silver/product/{name}") for name in _TABLES}
    return seconds, _counted(scans)


def _hand(folder: Path) -> tuple[float, dict[str, int]]:
    connection = duck.connect(memory_limit=MEMORY, temp_directory=folder / "spill")
    connection.execute("SET preserve_insertion_order = false")
    text = (Path(__file__).parent / "hand_written.sql").read_text(encoding="utf-8")
    started = time.perf_counter()
    connection.execute(text.format(folder=folder / "hand"))
    seconds = time.perf_counter() - started
    return seconds, _counted({name: f"read_parquet('{folder / 'hand' / name}.parquet')" for name in _TABLES})


def _counted(scans: dict[str, str]) -> dict[str, int]:
    connection = duck.connect()
    return {name: connection.execute(f"SELECT count(*) FROM {scan}").fetchall()[0][0] for name, scan in scans.items()}


def _children_kib(process: str = "self") -> int:
    """Peak memory of the processes below one that still run: Spark's JVM (Linux; elsewhere it counts as 0)."""
    total = 0
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in task.read_text().split():
            lines = Path(f"/proc/{child}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) + _children_kib(child)
    return total


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


if __name__ == "__main__":
    which, where = sys.argv[1], Path(sys.argv[2])
    taken, counts = _hand(where) if which == "hand" else _ours(where, "spark" if which == "spark" else "duckdb")
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + _children_kib()) / 2**20
    print(json.dumps({"seconds": taken, "peak_gb": peak, "rows": counts}))
