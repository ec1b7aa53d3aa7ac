"""A locked connection to what is published: guarded SELECTs, bounded in time and memory. `opening.py` opens it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb

from serving.guard import Refused, check
from serving.limits import max_memory
from serving.principal import Principal
from serving.result import ServingResult
from warehouse_models.errors import TenureError

# A statement that was told to stop may finish the step it is in; after so many times its time nobody waits any more.
TIMES_UNTIL_STUCK = 2


class ServingConnection:
    """A locked connection over the relations of schema `marts` of one principal. Use as a context manager.

    `principal` and `version` (fingerprint of what is published for it) tell cached answers apart. `raw` is the DuckDB
    connection behind the guard: for drivers that fetch from it, never for statements. `on_stuck` is called where a
    statement goes on for TIMES_UNTIL_STUCK times its time although it was told to stop.
    """

    def __init__(
        self,
        raw: duckdb.DuckDBPyConnection,
        principal: Principal,
        version: str,
        seconds: float,
        columns: dict[str, list[tuple[str, str]]] | None = None,
        on_stuck: Callable[[], None] | None = None,
    ) -> None:
        self.raw, self.principal, self.version, self.seconds = raw, principal, version, seconds
        self.on_stuck = on_stuck
        self._columns = _columns(raw) if columns is None else columns

    def fork(self) -> ServingConnection:
        """Another connection to the same locked database, for another thread: 1 ms instead of 200 for opening anew."""
        raw = self.raw.cursor()
        raw.execute(f"use {'memory' if _is_union(raw) else 'published_0'}.marts")
        return ServingConnection(raw, self.principal, self.version, self.seconds, self._columns, self.on_stuck)

    def relations(self) -> list[str]:
        """Names of the marts, sorted."""
        return list(self._columns)

    def columns(self, relation: str) -> list[tuple[str, str]]:
        """(name, DuckDB type) of every column of a mart. Refused where there is no such mart."""
        if relation not in self._columns:
            raise Refused(relation, "there is no such mart")
        return self._columns[relation]

    def execute(self, statement: str, parameters: Sequence[Any] | None = None) -> ServingResult:
        """Run one guarded SELECT. Refused, or TenureError where it fails or runs out of time or memory."""
        check(self.raw, statement, self._columns.keys())
        with self._bounded():
            self.raw.execute(statement, parameters)
        return ServingResult(self.raw, self._bounded)

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """A time limit for what DuckDB does inside, and its errors as ours. DuckDB computes while rows are fetched."""
        late = threading.Event()
        try:
            with self._timer(late):
                yield
        except duckdb.OutOfMemoryException as error:
            why = f"it needs more than the memory limit of {max_memory()}"
            raise TenureError("the statement", why, "aggregate or narrow it, or set TENURE_SQL_MEMORY") from error
        except duckdb.Error as error:
            # Interrupted between two steps, DuckDB 1.5 says "unsuccessful or closed pending query" instead.
            if late.is_set() or isinstance(error, duckdb.InterruptException):
                why = f"it ran longer than {self.seconds:g} s"
                raise TenureError("the statement", why, "narrow it, or set TENURE_SQL_SECONDS") from error
            why = str(error).strip()
            raise TenureError("the statement", why, "mend the SQL; `tenure sql --tables` lists the marts") from error

    @contextmanager
    def _timer(self, late: threading.Event) -> Iterator[None]:
        def stop() -> None:
            late.set()
            self.raw.interrupt()

        timers = [threading.Timer(self.seconds, stop)]
        if self.on_stuck is not None:
            timers.append(threading.Timer(self.seconds * TIMES_UNTIL_STUCK, self.on_stuck))
        for timer in timers:
            timer.daemon = True
            timer.start()
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()

    def close(self) -> None:
        """Close the connection; safe twice."""
        with suppress(duckdb.Error):
            self.raw.close()

    def __enter__(self) -> ServingConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _columns(raw: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str]]]:
    """Mart → its (column, type) pairs in order, of the database in use."""
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in raw.execute(
        "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'marts' "
        "and database_name = current_database() order by table_name, column_index"
    ).fetchall():
        columns.setdefault(table, []).append((column, kind))
    return columns


def _is_union(raw: duckdb.DuckDBPyConnection) -> bool:
    row = raw.execute(
        "select count(*) from duckdb_schemas() where database_name = 'memory' and schema_name = 'marts'"
    ).fetchone()
    return bool(row and row[0])
