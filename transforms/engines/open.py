"""Which engines there are. Each is imported where it is opened only: Spark needs Java, and seconds to import."""

from __future__ import annotations

from transforms.engines.engine import Engine
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

ENGINES = ("duckdb", "spark")


def open_engine(name: str, lake: Lake) -> Engine:
    """The engine called `name` ("duckdb" or "spark"), ready to work on `lake`."""
    if name == "duckdb":
        from transforms.engines.duckdb import DuckDBEngine

        return DuckDBEngine(lake)
    if name == "spark":
        from transforms.engines.spark import SparkEngine

        return SparkEngine(lake)
    raise TenureError(f"engine {name}", "there is no such engine", f"engines: {', '.join(ENGINES)}")
