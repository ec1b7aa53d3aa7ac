"""One way to read what is published: a locked DuckDB connection for a principal.

    principal ─▶ manifest ─▶ published file(s) attached read-only ─▶ locked ─▶ guarded SELECTs

A principal of one tenant gets that tenant's file and nothing else is attached, so isolation is physical; a principal
of several gets their files and views that union them; a principal of all tenants gets the file over gold Delta.
`tenure sql` and Superset both come through here. Imports the standard library, duckdb and our own guard only, because
Superset's environment imports it too.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from serving.guard import Refused, check
from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.lake import duck
from warehouse_models.published import replica
from warehouse_models.published.manifest import Manifest

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ALL", "Principal", "Refused", "ServingConnection", "ServingResult", "fingerprint", "open_serving"]


@dataclass(frozen=True)
class Principal:
    """Whose data a connection may show: the slugs in `tenants`, or every tenant where it is None."""

    tenants: frozenset[str] | None

    @classmethod
    def of(cls, *slugs: str) -> Principal:
        """A principal bound to these tenants."""
        return cls(frozenset(slugs))


ALL = Principal(None)

# A statement that was told to stop may finish the step it is in; after so many times its time nobody waits any more.
GRACE = 2

# What the marts that are views read. A serving host knows no dbt project; a test compares it with the marts' YAML.
VIEWED = (
    "silver/collector/usage",
    "silver/product/activity",
    "silver/product/events",
    "silver/product/sessions",
)


class ServingResult:
    """The answer to one statement. Read it once: as rows, or as an Arrow table.

    `columns` are names, `types` DuckDB type names, in order. Times are aware datetimes in UTC, dates are dates.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, bounded: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._connection, self._bounded = connection, bounded
        described = connection.description or []
        self.columns: list[str] = [str(column[0]) for column in described]
        self.types: list[str] = [str(column[1]) for column in described]

    def rows(self, limit: int | None = None) -> list[tuple[Any, ...]]:
        """All rows that are left, or at most `limit` of them; a further call gives the following ones.

        TenureError: more than TENURE_SQL_ROWS (default a million) where no limit is given, too much time or memory.
        """
        most = limit if limit is not None else int(os.environ.get("TENURE_SQL_ROWS") or 1_000_000)
        with self._bounded():
            fetched = self._connection.fetchmany(most)
            if limit is None and len(fetched) == most and self._connection.fetchone() is not None:
                next_step = "aggregate, add LIMIT, or set TENURE_SQL_ROWS"
                raise TenureError("the statement", f"it gives more than {most:,} rows", next_step)
        return fetched

    def arrow(self) -> pa.Table:
        """The rows that are left as an Arrow table. TenureError: too much time or memory."""
        with self._bounded():
            return self._connection.to_arrow_table()


class ServingConnection:
    """A locked connection over the relations of schema `marts` of one principal. Use as a context manager.

    `principal` and `version` (fingerprint of what is published for it) tell cached answers apart. `raw` is the DuckDB
    connection behind the guard: for drivers that fetch from it, never for statements. `on_stuck` is called where a
    statement goes on for GRACE times its time although it was told to stop.
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
            why = f"it needs more than the memory limit of {_memory()}"
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
            timers.append(threading.Timer(self.seconds * GRACE, self.on_stuck))
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


def open_serving(
    principal: Principal | str,
    published_root: Path | str | None = None,
    *,
    seconds: float | None = None,
    on_stuck: Callable[[], None] | None = None,
) -> ServingConnection:
    """Open what is published for `principal` (a Principal, or the slug of one tenant), locked.

    `published_root`: the folder with manifest.json (default: that of TENURE_HOME). `seconds`: longest time of a
    statement (default TENURE_SQL_SECONDS, 60). `on_stuck`: the surface's last resort against one that DuckDB does not
    stop: it works in steps and looks up between them. Raises TenureError where nothing is published for the principal.
    Every connection sees the publication that was current when it was opened, also while a run publishes the next.
    """
    if isinstance(principal, str):
        principal = Principal.of(principal)
    root = Path(published_root or home.published_root())
    manifest = _manifest(root)
    files = _files(principal, manifest, root)
    replica.fetch(root, [file.relative_to(root).as_posix() for file in files])
    raw = duck.connect(memory_limit=_memory(), threads=int(os.environ.get("TENURE_SQL_THREADS") or 2))
    try:
        _attach(raw, files)
        _lock(raw, _directories(principal, manifest))
        limit = seconds or float(os.environ.get("TENURE_SQL_SECONDS") or 60)
        return ServingConnection(raw, principal, _fingerprint(principal, manifest), limit, on_stuck=on_stuck)
    except duckdb.Error as error:
        raw.close()
        raise TenureError(f"the published files of {_named(principal)}", str(error), "run `tenure doctor`") from error


def fingerprint(principal: Principal, published_root: Path | str | None = None) -> str:
    """Short text that differs between principals and between publications: the part of a cache key that is ours."""
    root = Path(published_root or home.published_root())
    return _fingerprint(principal, replica.refresh(root) or Manifest.empty())


def _fingerprint(principal: Principal, manifest: Manifest) -> str:
    if principal.tenants is None:
        parts = ["*", str(manifest.all.version if manifest.all else None)]
    else:
        published = {slug: manifest.tenants.get(slug) for slug in sorted(principal.tenants)}
        parts = [f"{slug}={publication.file if publication else None}" for slug, publication in published.items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def _manifest(root: Path) -> Manifest:
    manifest = replica.refresh(root)
    if manifest is None:
        raise TenureError("the published marts", f"nothing is published below {root}", "run `tenure run`")
    return manifest


def _files(principal: Principal, manifest: Manifest, root: Path) -> list[Path]:
    """The files of the principal; tenants of a set that were never published are left out."""
    if principal.tenants is None:
        everything = manifest.all_file(root)
        if everything is None:
            raise TenureError("the published marts", "nothing is published yet", "run `tenure run`")
        return [everything]
    if not principal.tenants:
        raise TenureError("this user", "it is bound to no tenant", "bind it: `tenure user add NAME --tenant T`")
    named = {slug: manifest.file_of(root, slug) for slug in sorted(principal.tenants)}
    files = [file for file in named.values() if file is not None]
    if not files:
        unknown = [slug for slug in named if slug not in manifest.tenants]
        held = [str(manifest.tenants[slug].held_reason) for slug in named if slug not in unknown]
        why = held[0] if held else "nothing of it is published"
        raise TenureError(f"tenant {', '.join(named)}", why, "see `tenure tenant list`, land data and run `tenure run`")
    return files


def _attach(raw: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    for number, file in enumerate(files):
        raw.execute(f"attach '{_quoted(file)}' as published_{number} (read_only)")
    if len(files) == 1:
        raw.execute("use published_0.marts")
        return
    # Several tenants: their files stay apart, and schema marts of this connection unions them. A publication of an
    # older release may lack a mart or a column that its neighbour has, hence by name.
    tables = raw.execute(
        "select table_name, list(distinct database_name order by database_name) from duckdb_columns() "
        "where schema_name = 'marts' group by table_name"
    ).fetchall()
    raw.execute("create schema marts")
    for table, databases in tables:
        arms = " union all by name ".join(f'select * from {name}.marts."{table}"' for name in databases)
        raw.execute(f'create view marts."{table}" as {arms}')
    raw.execute("use memory.marts")


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


def _directories(principal: Principal, manifest: Manifest) -> list[str]:
    """Where the views of the attached files read: the principal's own partitions of silver, and gold for all tenants.

    The attached files themselves are open already and need no leave. A log names the files of every tenant of the
    shard; the files themselves stay closed.
    """
    lake = home.lake_root().rstrip("/")
    if principal.tenants is None:
        shards = set(manifest.tables) | {publication.shard for publication in manifest.tenants.values()}
        return [f"{lake}/shards/{shard}/{layer}" for shard in sorted(shards) for layer in ("silver", "gold")]
    folders = set()
    for slug in principal.tenants & manifest.tenants.keys():
        for address in VIEWED:
            table = f"{lake}/shards/{manifest.tenants[slug].shard}/{address}"
            folders |= {f"{table}/_delta_log", f"{table}/tenant_id={slug}"}
    return sorted(folders)


def _lock(raw: duckdb.DuckDBPyConnection, directories: Sequence[str]) -> None:
    """Close every door but reading below `directories` (STACK, Serving): delta is loaded, then in this order."""
    listed = ", ".join(f"'{_quoted(directory)}'" for directory in directories)
    for setting in (
        "global TimeZone = 'UTC'",
        f"allowed_directories = [{listed}]",
        "temp_directory = ''",
        "python_enable_replacements = false",
        "autoload_known_extensions = false",
        "autoinstall_known_extensions = false",
        "allow_community_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        raw.execute(f"set {setting}")


def _memory() -> str:
    return os.environ.get("TENURE_SQL_MEMORY") or "1GB"


def _quoted(value: object) -> str:
    return str(value).replace("'", "''")


def _named(principal: Principal) -> str:
    return "all tenants" if principal.tenants is None else ", ".join(sorted(principal.tenants))
