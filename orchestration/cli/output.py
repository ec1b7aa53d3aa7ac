"""How the command line speaks: one console, tables or JSON, and errors as thing, reason, next step.

Figures and tables go to stdout; progress and errors to stderr, so that `--json` output can always be piped.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

if TYPE_CHECKING:
    from orchestration.publish.held import HeldTenant

# A pipe has no width of its own: a table in it is not to be squeezed into 80 columns.
out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True, soft_wrap=True, highlight=False)

JSON_OPTION = typer.Option(False, "--json", help="Print JSON for a program instead of text for a person.")


class TenureGroup(TyperGroup):
    """A command group that prints a TenureError as three lines and exits 2: no traceback for what a user can mend."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; TenureError and object storage that fails -> exit 2, Ctrl-C -> exit 130."""
        from warehouse_models import home
        from warehouse_models.errors import TenureError
        from warehouse_models.lake import storage

        try:
            return super().invoke(ctx)
        except TenureError as error:
            print_error(error.what, error.why, error.next_step)
            raise typer.Exit(2) from error
        except typer.Exit:
            raise
        except Exception as error:
            explanation = storage.explained(error, home.lake_root())
            if explanation is None:
                raise
            print_error(explanation.what, explanation.why, explanation.next_step)
            raise typer.Exit(2) from error
        except KeyboardInterrupt as interrupt:
            err.print("\n[yellow]Stopped.[/] Nothing is half done: what was committed stays, the rest comes next time.")
            raise typer.Exit(130) from interrupt


def print_error(what: str, why: str, next_step: str = "") -> None:
    """Three lines on stderr: the thing, the reason, the next step."""
    err.print(f"[bold red]✗ {escape(what)}[/]")
    err.print(f"  why:  {escape(why)}")
    if next_step:
        err.print(f"  next: {escape(next_step)}")


def print_json(value: Any) -> None:
    """`value` as JSON on stdout; dates in ISO 8601."""
    print(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    empty: str,
    headings: Sequence[str] | None = None,
    *,
    exact: bool = False,
) -> None:
    """A table of the `columns` of `rows` under `headings` (default: their names); the sentence `empty` for none.

    `exact`: numbers as they are, without thousands separators (a year is no 2,024) and unrounded.
    """
    if not rows:
        out.print(empty)
        return
    table = Table(*(escape(heading) for heading in headings or columns), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(escape(_cell(row.get(column), exact)) for column in columns))
    out.print(table)


def print_held(tenants: Sequence[HeldTenant]) -> None:
    """For each held tenant three lines: since when and why, the failing checks, how to go on."""
    for held in tenants:
        out.print(f"[yellow]![/] {held.tenant:<12} {escape(held.reason)}")
        out.print(f"  check: {escape(held.named or 'not recorded')}, since {held.since:%Y-%m-%d %H:%M} UTC")
        out.print(f"  next:  {escape(held.next_step)}")


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done and, when it is done, how long it took (seconds)."""
    err.print(f"[cyan]▸[/] {escape(title)} …")
    started = time.monotonic()
    yield
    err.print(f"[green]✓[/] {escape(title)} [dim]{time.monotonic() - started:.1f} s[/]")


def _cell(value: Any, exact: bool = False) -> str:
    if value is None:
        return ""
    if exact:
        return str(_plain(value))
    if isinstance(value, dict):
        return " ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if isinstance(value, date | datetime) else value if isinstance(value, str) else str(value)
