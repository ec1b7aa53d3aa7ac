"""`tenure collector`: the tracking API, by itself and in the foreground; and what it took that nobody could land."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.output import TenureGroup, err, out

group = typer.Typer(cls=TenureGroup, no_args_is_help=True, help="The tracking API that SDKs send to.")


@group.callback()
def about() -> None:
    """The tracking API that SDKs send to."""


def register(app: typer.Typer) -> None:
    """Add the command group to the root command."""
    app.add_typer(group, name="collector", rich_help_panel="Data in")


@group.command("serve")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8080,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="PEM file of the certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="PEM file of its private key.")] = None,
    allow_http: Annotated[
        bool,
        typer.Option("--allow-http", help="Allow plain HTTP from other machines, because a proxy in front has TLS."),
    ] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of Prometheus metrics, /metrics; 0: any free one. Default: none."),
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="Address on which the metrics are served.")] = "127.0.0.1",
) -> None:
    """Take events of Segment's and RudderStack's SDKs until stopped (Ctrl-C, SIGTERM).

    An event is on the disk before the reply, and `tenure run` lands what was taken. `tenure source add` makes the write
    keys. GET /health answers while the process runs, GET /ready while it can take events. Metrics have a port of their
    own, because the tracking API is open to the world.
    """
    from connectors.collector.serve import Binding
    from connectors.collector.serve import serve as serve_events
    from warehouse_models.lake.lake import Lake

    def ready(address: str, journal: Path, metrics: str) -> None:
        err.print(f"[cyan]▸[/] collector on [bold]{address}[/], journal {journal}")
        if metrics:
            err.print(f"  metrics on {metrics}")

    metrics_on = None if metrics_port is None else (metrics_host, metrics_port)
    binding = Binding(host, port, tls_cert, tls_key, allow_http)
    serve_events(Lake(), binding, metrics_on=metrics_on, on_ready=ready)


@group.command("retry")
def retry() -> None:
    """Hand what could not land to the next landing: of a tenant that the catalog lacked, or of another version.

    `tenure doctor` says when there is any. What still cannot land waits again.
    """
    from connectors.collector.journal.waiting import retry as retry_all
    from warehouse_models import home

    files, requests = retry_all(home.journal_root())
    if files:
        out.print(f"{requests:,} requests in {files:,} files are landed by the next `tenure run`")
    else:
        out.print("Nothing waits.")
