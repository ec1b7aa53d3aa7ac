"""`tenure sql`: read-only questions over what is published."""

from __future__ import annotations

import csv
import math
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli.output import out, print_error, print_json, print_rows


def register(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command("sql", rich_help_panel="Answers out")(sql)


def sql(
    statement: Annotated[str, typer.Argument(help='One SELECT, e.g. "SELECT * FROM marts.trust".')] = "",
    tenant: Annotated[str | None, typer.Option(help="Only this tenant. Default: all tenants.")] = None,
    format: Annotated[str, typer.Option(help="table, csv or json.")] = "table",
    tables: Annotated[bool, typer.Option("--tables", help="List the marts and their columns instead.")] = False,
) -> None:
    """Ask the published marts. It reads what was published last, so it answers while a run is in progress.

    A statement is one SELECT over the marts. It reaches nothing else of the machine or the lake.
    """
    from serving.opening import open_serving
    from serving.principal import ALL
    from warehouse_models.errors import TenureError

    if format not in ("table", "csv", "json"):
        raise TenureError(f"format {format}", "there is no such format", "table, csv or json")
    if not statement and not tables:
        raise TenureError("tenure sql", "no statement was given", 'tenure sql "SELECT * FROM marts.trust", or --tables')
    with _bounded_process(), open_serving(ALL if tenant is None else tenant, on_stuck=_leave) as serving:
        if tables:
            columns = ["mart", "columns"]
            rows = [
                (name, ", ".join(f"{column} {kind.lower()}" for column, kind in serving.columns(name)))
                for name in serving.relations()
            ]
        else:
            answer = serving.execute(statement)
            columns, rows = answer.columns, answer.rows()
    if format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    elif format == "json":
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise TenureError("--format json", f"two columns are named {', '.join(twice)}", "name them apart with AS")
        print_json([{name: _finite(value) for name, value in zip(columns, row, strict=True)} for row in rows])
    else:
        # Two columns of one name are two columns: the table is printed by position.
        keyed = [{str(place): value for place, value in enumerate(row)} for row in rows]
        print_rows(keyed, [str(place) for place in range(len(columns))], "No rows.", headings=columns, exact=True)
        if rows:
            out.print(f"[dim]{len(rows):,} row{'s' if len(rows) != 1 else ''}[/]")


@contextmanager
def _bounded_process() -> Iterator[None]:
    """At most `process_bytes` for what DuckDB builds past its own limit; it then fails with an error.

    Counted from what the process holds already: a long-lived caller that held 4 GB could not allocate a byte more, and
    Python ended in a SystemError.
    """
    from serving.limits import process_bytes

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _held() + process_bytes()
    wanted = most if soft == resource.RLIM_INFINITY else min(most, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _held() -> int:
    """Bytes of data that this process has mapped (Linux; elsewhere 0)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    except OSError:
        return 0


def _leave() -> None:
    why = "it did not stop within its time, in the middle of one long step"
    print_error("the statement", why, "build shorter values, or set TENURE_SQL_SECONDS")
    os._exit(2)


def _finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
