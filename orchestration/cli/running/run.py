"""`tenure run`: everything new, in order, through Dagster."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from orchestration.cli.output import JSON_OPTION, err, out, print_held, print_json

if TYPE_CHECKING:
    from orchestration.run import Progress, RunResult
    from warehouse_models.catalog.tenants import Catalog

_SHOWN = ("published", "version")


def register(app: typer.Typer) -> None:
    """Add the command to the root command."""
    app.command("run", rich_help_panel="Run")(run)


def run(
    engine: Annotated[
        str, typer.Option(help="What computes silver: duckdb or spark. Default: TENURE_ENGINE, else duckdb.")
    ] = "",
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Compute everything anew. It gives the same rows.")
    ] = False,
    tenant: Annotated[
        str | None, typer.Option(help="Only the shard of this tenant; with --full-refresh only its rows.")
    ] = None,
    full_audit: Annotated[
        bool, typer.Option("--full-audit", help="Check all of history, as the daily run does.")
    ] = False,
    as_json: bool = JSON_OPTION,
) -> None:
    """Bring everything up to date: what collectors took, silver, gold, audit, publish.

    Works shard by shard on what has changed since the last run; a run without changes takes seconds and changes
    nothing.
    A tenant whose data fails a check keeps its last publication, and its neighbours move on. Exit code 0: everything
    ran. 1: a step failed. 3: everything ran, and a tenant is held back.
    """
    from orchestration.run import run_shards
    from warehouse_models.catalog.tenants import Catalog
    from warehouse_models.errors import TenureError

    if engine not in ("", "duckdb", "spark"):
        raise TenureError(f"engine {engine}", "there is no such engine", "choose duckdb or spark")
    started = time.monotonic()
    catalog = Catalog()
    shards = (
        [catalog.tenant(tenant).shard] if tenant is not None else sorted({each.shard for each in catalog.tenants()})
    )
    if not shards:
        raise TenureError(
            "tenure run", "there is no tenant yet", "tenure tenant add acme, or see it at work: tenure demo"
        )
    _land_journals(catalog)
    err.print(f"[cyan]▸[/] run of shard{'s' if len(shards) > 1 else ''} {', '.join(shards)} …")
    results = run_shards(
        shards,
        engine=engine,
        full_refresh=full_refresh,
        tenants=[tenant] if tenant and full_refresh else [],
        full_audit=full_audit,
        on_progress=print_progress,
    )
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        for result in results:
            print_result(result)
        out.print(f"[dim]{time.monotonic() - started:.1f} s in all[/]")
    if not all(result.succeeded for result in results):
        raise typer.Exit(1)
    if any(result.held for result in results):
        raise typer.Exit(3)


def _land_journals(catalog: Catalog) -> None:
    """Land what the collectors' journals hold: first, so that this run already counts it."""
    from connectors.collector.landing.journals import land_journals
    from warehouse_models import home

    landed = land_journals(catalog.lake, catalog, home.journal_root())
    if landed.segments:
        reasons = ", ".join(f"{count} {code}" for code, count in sorted(landed.reasons.items()))
        refused = f", {landed.quarantined} quarantined ({reasons})" if landed.quarantined else ""
        err.print(f"  [green]✓[/] journal: {landed.accepted} events of {landed.requests} requests{refused}")
    if landed.hooks.added or landed.hooks.repeated:
        counts = f"{landed.hooks.added} deliveries, {landed.hooks.repeated} known already"
        err.print(f"  [green]✓[/] webhooks: {counts}, {landed.hooks.fetches} records to fetch")
    for path, why in landed.kept.items():
        err.print(f"  [yellow]![/] {escape(path)} is kept: {escape(why)}")


def print_progress(progress: Progress) -> None:
    """One line on stderr for what just happened in a run."""
    if progress.kind == "step":
        err.print(f"  [green]✓[/] {progress.shard:<12} {progress.name:<36} [dim]{progress.seconds:6.1f} s[/]")
    elif progress.kind == "check":
        err.print(f"  [yellow]![/] {progress.shard:<12} {escape(progress.name)}: {escape(progress.text)}")
    else:
        err.print(f"  [red]✗[/] {progress.shard:<12} {progress.name}: {escape(progress.text)}")


def print_result(result: RunResult) -> None:
    """What a run of one shard did: published, held and why, the error if there was one."""
    mark = "[green]✓[/]" if result.succeeded else "[red]✗[/]"
    out.print(f"{mark} shard [bold]{result.shard}[/] in {result.seconds:.1f} s  [dim]run {result.run_id}[/]")
    for key, value in result.published.items():
        if key in _SHOWN and value not in ("", 0, None, []):
            out.print(f"  {key}: {escape(_text(value))}")
    print_held(result.held)
    if result.error:
        out.print(f"  [red]{escape(result.error)}[/]")
        out.print("  next: mend what it names and run again; nothing was published from this run")


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
