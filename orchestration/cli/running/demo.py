"""`tenure demo`: the whole path on a sandbox world and a git history."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestration.cli.output import err, out, step


def register(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command("demo", rich_help_panel="Run")(demo)


def demo(
    repository: Annotated[
        Path | None, typer.Option(help="A git repository that you know. Default: the one of this project.")
    ] = None,
    days: Annotated[int, typer.Option(help="Days of simulated history.")] = 180,
    start: Annotated[
        bool, typer.Option("--start/--no-start", help="Start the services and leave them running.")
    ] = True,
) -> None:
    """Land, run, audit, publish and show: a simulated world of three tenants, and a real git history.

    Leaves Dagster, the collector and Superset running and prints where to look. Safe to repeat: nothing lands twice.
    """
    from orchestration.cli.running.run import print_progress
    from orchestration.demo import demo as run_demo

    started = time.monotonic()
    with err.status("") as status:
        report = run_demo(
            repository,
            days=days,
            start=start,
            tell=lambda line: status.update(escape(line)),
            on_progress=print_progress,
            step=step,
        )
    failed = [run for run in report.runs if not run.succeeded]
    for run in failed:
        err.print(f"[red]✗ shard {run.shard}[/]: {escape(run.error)}")
    out.print("\n[bold]Rows landed[/]")
    for landed in report.landed:
        counts = f"{landed.accepted:>9,} new  {landed.duplicate:>9,} known  {landed.quarantined:>5,} in quarantine"
        out.print(f"  {landed.tenant:<18} {landed.shard:<10} {counts}")
    out.print("\n[bold]Where the time went[/]")
    for title, seconds in report.seconds.items():
        out.print(f"  {title:<44} {seconds:6.1f} s")
    for title, seconds in report.meanwhile.items():
        out.print(f"  [dim]{title:<44} {seconds:6.1f} s  meanwhile[/]")
    out.print(f"  [bold]{'in all':<44} {time.monotonic() - started:6.1f} s[/]")
    if report.urls:
        out.print("\n[bold]Where to look[/]")
        for title, url in report.urls.items():
            out.print(f"  {title:<18} {url}")
        out.print("\n[bold]Logins of Superset[/]")
        for who, (name, password) in report.logins.items():
            out.print(f"  {who:<24} user {name:<12} password {escape(password)}")
    out.print("\n[bold]Three questions to ask[/] [dim](before: . .venv/bin/activate)[/]")
    for question, command in report.queries():
        out.print(f"  {question}\n    [cyan]{escape(command)}[/]")
    if report.urls:
        out.print("\nStop it: make down, or tenure down")
    if failed:
        raise typer.Exit(1)
