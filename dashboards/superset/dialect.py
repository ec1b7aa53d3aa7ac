"""How SQLAlchemy, inside Superset, reads what Tenure published: `duckdb+tenure://`.

The address holds no path. The file comes from the principal that superset/security put into `connect_args`, opened by
serving.opening; every statement that reaches the cursor, from a chart, SQL Lab or a template, passes its
guard. What Superset asks about schemas and columns is answered from the marts, never from the catalogue.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import duckdb
from duckdb_engine import DBAPI as DuckDBAPI
from duckdb_engine import ConnectionWrapper, Dialect
from duckdb_engine.datatypes import ISCHEMA_NAMES
from sqlalchemy import pool, types

from serving.connection import ServingConnection
from serving.opening import open_serving
from serving.principal import Principal
from serving.publications import fingerprint
from serving.result import ServingResult

SCHEMA = "marts"
_KEPT = 16
_log = logging.getLogger(__name__)

_lock = threading.Lock()
_open: OrderedDict[tuple[Principal, str], ServingConnection] = OrderedDict()


def serving(principal: Principal) -> ServingConnection:
    """A connection for one query. The database behind it is opened once per principal and publication and kept.

    Superset opens a connection for every query, and loading `delta` alone takes 200 ms. The oldest of 16 is dropped;
    queries that still use it keep it alive.
    """
    key = (principal, fingerprint(principal))
    with _lock:
        kept = _open.get(key)
        if kept is None:
            kept = _open[key] = open_serving(principal, on_stuck=_leave)
            while len(_open) > _KEPT:
                _open.popitem(last=False)
        _open.move_to_end(key)
        return kept.fork()


def _leave() -> None:
    """End this worker: a statement goes on although it was stopped. gunicorn starts another at once."""
    _log.critical("a statement did not stop within its time; this worker ends, and gunicorn starts another")
    os._exit(1)


class TenureCursor:
    """DB-API cursor over a serving connection: SELECT through the guard, nothing else.

    DuckDB computes while rows are fetched, so fetching goes through the limits too.
    """

    arraysize = 1

    def __init__(self, connection: TenureConnection) -> None:
        self.connection = connection
        self._result: ServingResult | None = None
        self.description: Any = None
        self.rowcount = -1

    def execute(self, statement: str, parameters: Sequence[Any] | None = None, context: Any = None) -> None:
        """Run one guarded statement."""
        self._result = self.connection.serving.execute(statement, parameters or None)
        self.description = self.connection.serving.raw.description

    def executemany(self, statement: str, parameters: Any = None, context: Any = None) -> None:
        """Refused: what is published is never written."""
        self.execute(statement)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        return self._result.rows() if self._result else []

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next `size` rows."""
        return self._result.rows(size or self.arraysize) if self._result else []

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None."""
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def close(self) -> None:
        """Nothing to close: the connection is."""


class TenureConnection(ConnectionWrapper):
    """DB-API connection over a ServingConnection. Only the cursor and closing pass through, nothing of DuckDB's own."""

    def __init__(self, serving: ServingConnection) -> None:
        super().__init__(serving.raw)
        self.serving = serving

    def cursor(self) -> TenureCursor:
        """A cursor; those of one connection share its one result."""
        return TenureCursor(self)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def begin(self) -> None:
        """Each statement reads one publication anyway."""

    commit = rollback = begin

    def close(self) -> None:
        """Close this connection; the database behind it stays."""
        self.serving.close()
        self.closed = True


class DBAPI(DuckDBAPI):
    """DuckDB's errors, named as SQLAlchemy expects them."""

    Error = duckdb.Error
    OperationalError = duckdb.OperationalError
    ProgrammingError = duckdb.ProgrammingError


class TenureDialect(Dialect):
    """duckdb-engine's SQL, another way to connect and to inspect."""

    driver = "tenure"
    supports_statement_cache = False

    @classmethod
    def get_pool_class(cls, url: Any) -> type[pool.Pool]:
        """A connection belongs to one user and one publication: none is handed on."""
        return pool.NullPool

    @staticmethod
    def dbapi(**kwargs: Any) -> type[DBAPI]:
        """The module that SQLAlchemy sees as the driver."""
        return DBAPI

    def connect(self, *args: Any, principal: Principal | None = None, **kwargs: Any) -> TenureConnection:
        """Open what is published for `principal`; for nobody, nothing (TenureError)."""
        return TenureConnection(serving(principal or Principal(frozenset())))

    def initialize(self, connection: Any) -> None:
        """Ask the server nothing: its catalogue is not served."""
        self.default_schema_name = SCHEMA
        self.default_isolation_level = None
        self.server_version_info = (8, 0)

    def do_begin(self, connection: Any) -> None:
        """Nothing to begin."""

    def do_rollback(self, connection: Any) -> None:
        """Nothing to roll back."""

    def do_commit(self, connection: Any) -> None:
        """Nothing to commit."""

    def do_ping(self, connection: Any) -> bool:
        """Whether it answers."""
        connection.cursor().execute("select 1")
        return True

    def get_schema_names(self, connection: Any, **kw: Any) -> list[str]:
        """One schema."""
        return [SCHEMA]

    def get_table_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        """The marts."""
        return _serving_of(connection).relations() if schema in (None, SCHEMA) else []

    def get_view_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        """None: that a mart is a view makes no difference to its reader."""
        return []

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        """Whether there is such a mart."""
        return table_name in self.get_table_names(connection, schema)

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> list[Any]:
        """Columns of a mart with SQLAlchemy types."""
        return [
            {"name": name, "type": _type(kind), "nullable": True, "default": None, "autoincrement": False}
            for name, kind in _serving_of(connection).columns(table_name)
        ]

    def _nothing(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> list[Any]:
        return []

    get_indexes = get_foreign_keys = get_unique_constraints = get_check_constraints = _nothing

    def get_pk_constraint(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        """None declared."""
        return {"constrained_columns": [], "name": None}

    def get_table_comment(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        """Descriptions live in the datasets."""
        return {"text": None}


def _serving_of(connection: Any) -> ServingConnection:
    """The serving connection below SQLAlchemy's layers."""
    raw = connection.connection
    while not isinstance(raw, TenureConnection):
        raw = raw.connection if hasattr(raw, "connection") else raw.dbapi_connection
    return raw.serving


def _type(kind: str) -> Any:
    """SQLAlchemy's type of a DuckDB type name."""
    zoned = types.TIMESTAMP(timezone=True)
    named = {"TIMESTAMP WITH TIME ZONE": zoned, "VARCHAR": types.String(), "DOUBLE": types.Float()}
    made = named.get(kind) or ISCHEMA_NAMES.get(kind.lower().split("(")[0], types.String)
    return made() if isinstance(made, type) else made
