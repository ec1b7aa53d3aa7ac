"""The answer to one served statement."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import duckdb

from serving.limits import max_rows
from warehouse_models.errors import TenureError

if TYPE_CHECKING:
    import pyarrow as pa


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
        most = limit if limit is not None else max_rows()
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
