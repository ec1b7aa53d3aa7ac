"""DuckDB connections of the product: UTC, with the packaged `delta` extension, nothing downloaded.

Needs duckdb and duckdb_extension_delta only, so that both environments (pipeline, Superset) share it.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import duckdb


@cache
def delta_extension_path() -> Path:
    """The signed `delta` extension file that the package `duckdb-extension-delta` brought."""
    import duckdb_extension_delta

    found = sorted(Path(duckdb_extension_delta.__file__).parent.rglob("delta.duckdb_extension"))
    wanted = [path for path in found if path.parent.name == f"v{duckdb.__version__}"]
    if not wanted:
        raise RuntimeError(f"duckdb-extension-delta holds no extension for duckdb {duckdb.__version__}: {found}")
    return wanted[0]


@cache
def _verified_extension() -> Path:
    """The extension file, its signature checked once in this process.

    DuckDB hashes all 82 MB for that at every LOAD: 0.33 s of a small run's every connection, and of every user's.
    Who serves closes LOAD afterwards (`enable_external_access`), signed or not.
    """
    path = delta_extension_path()
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{path}'")
    return path


def connect(
    path: str | Path = ":memory:",
    *,
    read_only: bool = False,
    memory_limit: str | None = None,
    threads: int | None = None,
    temp_directory: str | Path | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open `path` with session time zone UTC and `delta` loaded.

    `memory_limit` (DuckDB text, e.g. "2GB"; default TENURE_MEMORY_LIMIT or DuckDB's own), `threads` and
    `temp_directory` bound the work; without a temp directory an in-memory connection does not spill.
    """
    extension = _verified_extension()
    connection = duckdb.connect(str(path), read_only=read_only, config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension}'")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    limit = memory_limit or os.environ.get("TENURE_MEMORY_LIMIT")
    if limit:
        connection.execute(f"SET memory_limit = '{limit}'")
    if threads:
        connection.execute(f"SET threads = {threads}")
    if temp_directory:
        connection.execute(f"SET temp_directory = '{temp_directory}'")
    return connection
