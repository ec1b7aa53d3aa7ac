"""python -m bench silver [--events 10000000] [--spark 1000000] [--pairs 1] [--folder PATH]"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bench import silver

app = typer.Typer(
    add_completion=False, help="Measurements: ratios of one run on one machine, never asserted in a test."
)


@app.command("silver")
def silver_command(
    events: Annotated[int, typer.Option(help="Events to generate.")] = 10_000_000,
    spark: Annotated[int, typer.Option(help="Events for the comparison with Spark; 0: leave Spark out.")] = 1_000_000,
    pairs: Annotated[int, typer.Option(help="How often the two run in turn; the median counts.")] = 1,
    folder: Annotated[Path | None, typer.Option(help="Where to work (kept); default: a temporary folder.")] = None,
) -> None:
    """Bronze to silver against hand-written DuckDB SQL over plain Parquet, and against the Spark engine."""
    if folder:
        print(silver.compare(events, folder, spark_count=spark or None, pairs=pairs))
        return
    with tempfile.TemporaryDirectory() as temporary:
        print(silver.compare(events, Path(temporary) / "bench", spark_count=spark or None, pairs=pairs))


@app.callback()
def _group() -> None:
    """Keep `silver` a named command: more measurements follow."""


if __name__ == "__main__":
    app()
