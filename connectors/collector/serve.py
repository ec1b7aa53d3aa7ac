"""`tenure collector serve`: the application behind a socket, until it is told to stop; then what was taken is kept."""

from __future__ import annotations

import ipaddress
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from connectors.collector.app import make_app
from connectors.collector.http.connection import Connection
from connectors.collector.http.metrics import Metrics
from connectors.collector.journal.journal import open_journal
from connectors.collector.log import log_as_json
from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

# Requests under way may finish for so long after the collector is asked to stop.
_SHUTDOWN_SECONDS = 10


@dataclass(frozen=True)
class Binding:
    """Where the tracking API listens: port 0 is any free one. By TLS with a certificate and its key, else plain."""

    host: str
    port: int
    certificate: Path | None = None
    private_key: Path | None = None
    allow_http: bool = False

    @property
    def scheme(self) -> str:
        """http or https."""
        return "http" if self.certificate is None else "https"

    def check(self) -> None:
        """TenureError: a certificate without its key, a file that is missing, or plain HTTP for the whole network."""
        if (self.certificate is None) != (self.private_key is None):
            raise TenureError("TLS", "a certificate and its private key go together", "give --tls-cert and --tls-key")
        for path in (self.certificate, self.private_key):
            if path is not None and not path.is_file():
                raise TenureError(f"TLS file {path}", "there is no such file", "give the PEM file's path")
        if self.certificate is None and not self.allow_http and not _is_loopback(self.host):
            why = "plain HTTP would show keys and events to the network"
            next_step = "give --tls-cert and --tls-key, or --allow-http behind a proxy with TLS"
            raise TenureError(f"host {self.host}", why, next_step)


def serve(
    lake: Lake,
    binding: Binding,
    *,
    metrics_on: tuple[str, int] | None = None,
    on_ready: Callable[[str, Path, str], None] = lambda address, journal, metrics: None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    `metrics_on`: host and port at which Prometheus asks, None: nowhere. `on_ready` hears the address, the journal's
    folder, and the metrics' address or an empty text.

    TenureError: the port is taken, the journal cannot be written, or the binding is not safe (`Binding.check`).
    """
    binding.check()
    with _listen(binding.host, binding.port) as listening:
        journal = open_journal(home.journal_root())
        metrics = Metrics()
        log_as_json()
        _allow_connections()
        server = _server(make_app(lake, journal, metrics), binding)
        try:
            metrics_address = f"http://{metrics_on[0]}:{metrics.serve(*metrics_on)}/metrics" if metrics_on else ""
            on_ready(f"{binding.scheme}://{_name(listening)}", journal.folder, metrics_address)
            server.run(sockets=[listening])
        finally:
            journal.close()


def _server(app: Starlette, binding: Binding) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=Connection,
        # Nothing here speaks it, and a header that asks for it must not take a request away from the application.
        ws="none",
        ssl_certfile=binding.certificate,
        ssl_keyfile=binding.private_key,
        log_config=None,
        access_log=False,
        server_header=False,
        # The proxy's word on the scheme counts only where it says so from this machine (uvicorn's default).
        proxy_headers=True,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        # Longer than the minute that load balancers keep an idle connection: who closes first must not be us.
        timeout_keep_alive=75,
    )
    server = uvicorn.Server(config)
    # uvicorn raises the signal again when it is done, which would end this process before it says so. And it listens
    # from inside run only: one that comes before must not be lost, or nobody would stop.
    signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    return server


def _name(listening: socket.socket) -> str:
    """Host and port as an address has them."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, proto)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        # Now, not when uvicorn is up: who comes meanwhile waits instead of being turned away.
        made.listen(2048)
        return made
    except OSError as error:
        why = f"it cannot be listened to ({error.strerror or error})"
        raise TenureError(f"port {port} of {host}", why, "stop what uses it, or choose --port 0 for any") from error


def _allow_connections() -> None:
    """As many open files as this process may have: the usual 1,024 are fewer than a site's open connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
