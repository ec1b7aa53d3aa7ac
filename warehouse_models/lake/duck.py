"""DuckDB connections of the product, and how they scan Delta: UTC, the packaged `delta` extension, nothing downloaded.

A lake on object storage is read by the packaged `httpfs`, with a secret made of the environment. Needs duckdb and its
packaged extensions only, so that both environments (pipeline, Superset) share it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb

from warehouse_models import home
from warehouse_models.lake import storage


def quoted(text: object) -> str:
    """A SQL literal of a text, such as a path."""
    return "'" + str(text).replace("'", "''") + "'"


def delta_scan(uri: str, version: int | None = None) -> str:
    """A relation of DuckDB's SQL: the rows of the Delta table at `uri` at `version` (None: the newest then)."""
    return f"delta_scan({quoted(uri)}{'' if version is None else f', version := {version}'})"


@cache
def extension_path(name: str) -> Path:
    """The signed extension file (`delta`, `httpfs`) that the package `duckdb-extension-<name>` brought."""
    package = import_module(f"duckdb_extension_{name}")
    paths = sorted(Path(str(package.__file__)).parent.rglob(f"{name}.duckdb_extension"))
    wanted = [path for path in paths if path.parent.name == f"v{duckdb.__version__}"]
    if not wanted:
        raise RuntimeError(f"duckdb-extension-{name} holds no extension for duckdb {duckdb.__version__}: {paths}")
    return wanted[0]


@cache
def verified(name: str) -> Path:
    """The extension file, its signature checked once in this process.

    DuckDB hashes all 82 MB of `delta` for that at every LOAD: 0.33 s of a small run's every connection, and of every
    user's. Who serves closes LOAD afterwards (`enable_external_access`), signed or not.
    """
    path = extension_path(name)
    with duckdb.connect() as connection:
        connection.execute(f"LOAD {quoted(path)}")
    return path


def prepare(connection: Any, path_of: Callable[[str], Path] = extension_path) -> None:
    """Let a connection read Delta where the lake is: `delta`, and for object storage `httpfs` and a secret."""
    connection.execute(f"LOAD {quoted(path_of('delta'))}")
    lake = home.lake_root()
    if storage.is_remote(lake):
        connection.execute(f"LOAD {quoted(path_of('httpfs'))}")
        connection.execute(storage.secret(lake))


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
    connection = duckdb.connect(str(path), read_only=read_only, config={"allow_unsigned_extensions": "true"})
    prepare(connection, verified)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    limit = memory_limit or os.environ.get("TENURE_MEMORY_LIMIT")
    if limit:
        connection.execute(f"SET memory_limit = {quoted(limit)}")
    if threads:
        connection.execute(f"SET threads = {threads}")
    if temp_directory:
        connection.execute(f"SET temp_directory = {quoted(temp_directory)}")
    return connection
