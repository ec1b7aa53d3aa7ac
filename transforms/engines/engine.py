"""What an engine is: expose Delta tables as named views, run a SELECT, commit the result to Delta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from warehouse_models.lake.shard import Shard
from warehouse_models.lake.slices import Slices
from warehouse_models.spec import TableSpec


@dataclass(frozen=True)
class Result:
    """What a commit writes: the rows of `sql` in place of `slices` (None: of the whole table).

    `trail` and `transaction` (application, version) go into the commit; `materialize` names CTEs worth computing once.
    """

    sql: str
    slices: Slices | None
    trail: Mapping[str, Any]
    transaction: tuple[str, int]
    materialize: tuple[str, ...] = ()


class Engine(Protocol):
    """The verbs of an engine. SQL is Spark SQL; `where` is SQL that both engines read, of which a row meets one at most
    (`slices.conditions`); none: no rows, None: all rows."""

    name: str

    def expose(self, view: str, spec: TableSpec, uri: str, version: int | None, where: Sequence[str] | None) -> None:
        """Make the rows of a Delta table at `version` that meet `where` the view `view`; version None: no rows."""

    def expose_rows(self, view: str, rows: pa.Table) -> None:
        """Make an Arrow table the view `view`."""

    def stage(self, view: str, sql: str, materialize: tuple[str, ...] = ()) -> None:
        """Compute a SELECT once and keep its rows as the view `view`; `materialize` names CTEs worth computing once."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a small SELECT."""

    def commit(self, shard: Shard, spec: TableSpec, result: Result) -> tuple[int, int]:
        """Replace the slices of a result in one commit: (version, rows written)."""

    def reset(self) -> None:
        """Forget views and staged rows."""

    def close(self) -> None:
        """Give everything back."""
