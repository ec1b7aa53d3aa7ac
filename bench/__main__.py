"""python -m bench silver | days | small | files | revenue | collector | all  (--help for the options of each)"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bench import collector, days, files, revenue, silver, small

KEPT = "Where to work (kept); default: a temporary folder."

app = typer.Typer(
    add_completion=False, help="Measurements: ratios of one run on one machine, never asserted in a test."
)


@app.command("silver")
def silver_command(
    events: Annotated[int, typer.Option(help="Events to generate.")] = 10_000_000,
    spark: Annotated[int, typer.Option(help="Events for the comparison with Spark; 0: leave Spark out.")] = 1_000_000,
    pairs: Annotated[int, typer.Option(help="How often the two run in turn; the median counts.")] = 1,
    folder: Annotated[Path | None, typer.Option(help=KEPT)] = None,
) -> None:
    """Bronze to silver against hand-written DuckDB SQL over plain Parquet, and against the Spark engine."""
    with _working(folder) as place:
        print(silver.compare(events, place, spark_count=spark or None, pairs=pairs))


@app.command("days")
def days_command(
    tenants: Annotated[int, typer.Option(help="Tenants of the shard.")] = 20,
    a_day: Annotated[int, typer.Option(help="Events of all tenants on a day.")] = 20_000,
    trials: Annotated[int, typer.Option(help="How often each is measured; the median counts.")] = 3,
    folder: Annotated[Path | None, typer.Option(help=KEPT)] = None,
) -> None:
    """One more day on top of 30 and 300, and a late event 200 days back: the cost does not grow with history."""
    with _working(folder) as place:
        print(days.compare(place, tenants=tenants, a_day=a_day, trials=trials))


@app.command("small")
def small_command(
    tenants: Annotated[int, typer.Option(help="Tenants of the shard.")] = 200,
    a_day: Annotated[int, typer.Option(help="Events of all tenants on a day.")] = 4_000,
    trials: Annotated[int, typer.Option(help="How often each is measured; the median counts.")] = 3,
    folder: Annotated[Path | None, typer.Option(help=KEPT)] = None,
) -> None:
    """The sensor's run over a few new events of one tenant, from landing to published, split by step."""
    with _working(folder) as place:
        print(small.compare(place, tenants=tenants, a_day=a_day, trials=trials))


@app.command("files")
def files_command(
    runs: Annotated[int, typer.Option(help="Daily runs.")] = 300,
    tenants: Annotated[int, typer.Option(help="Tenants of the shard.")] = 10,
    step: Annotated[int, typer.Option(help="Runs between two counts, each before and after upkeep.")] = 100,
    publish_every: Annotated[int, typer.Option(help="Days between runs that build gold and publish.")] = 1,
    folder: Annotated[Path | None, typer.Option(help=KEPT)] = None,
) -> None:
    """Active files of each table over many daily runs, before and after `tenure maintain`."""
    with _working(folder) as place:
        print(files.compare(place, days=runs, tenants=tenants, step=step, publish_every=publish_every))


@app.command("revenue")
def revenue_command(
    accounts: Annotated[int, typer.Option(help="Accounts of the tenant.")] = 5000,
    years: Annotated[int, typer.Option(help="Years of daily MRR.")] = 5,
    folder: Annotated[Path | None, typer.Option(help=KEPT)] = None,
) -> None:
    """The ledger of one large tenant: its first build, a day more, one corrected record; time and memory."""
    with _working(folder) as place:
        print(revenue.compare(place, accounts=accounts, years=years))


@app.command("collector")
def collector_command(
    seconds: Annotated[float, typer.Option(help="Seconds of each load.")] = 5,
    connections: Annotated[int, typer.Option(help="Connections at saturation.")] = 128,
    folder: Annotated[Path | None, typer.Option(help=KEPT)] = None,
) -> None:
    """Durable events per second, acknowledgement times at saturation and at 5,000 a second, and what limits them."""
    with _working(folder) as place:
        print(collector.compare(place, seconds=seconds, connections=connections))


@app.command("all")
def all_command() -> None:
    """Every measurement with its defaults, one after the other: what docs/benchmarks.md is made of. It takes hours."""
    measurements: dict[str, Callable[[Path], str]] = {
        "Bronze to silver": lambda place: silver.compare(10_000_000, place, spark_count=1_000_000),
        "One more day, and a late event": days.compare,
        "A small run": small.compare,
        "Files over 300 days": files.compare,
        "The ledger of a large tenant": revenue.compare,
        "The collector": collector.compare,
    }
    for title, measure in measurements.items():
        with _working(None) as place:
            print(f"## {title}\n\n{measure(place)}\n", flush=True)


@contextmanager
def _working(folder: Path | None) -> Iterator[Path]:
    if folder:
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary) / "bench"


if __name__ == "__main__":
    app()
