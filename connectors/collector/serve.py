"""`tenure collector serve`: the application behind a socket, until it is told to stop; then what was taken is kept."""

from __future__ import annotations

import ipaddress
import json
import logging
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from connectors.collector.app import make_app
from connectors.collector.http.metrics import Metrics
from connectors.collector.journal.journal import open_journal
from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

_GRACE_SECONDS = 10
_TOLD = ("tenant", "source", "error", "path")


def serve(
    lake: Lake,
    host: str,
    port: int,
    *,
    certificate: Path | None = None,
    private_key: Path | None = None,
    allow_http: bool = False,
    metrics_host: str = "127.0.0.1",
    metrics_port: int | None = None,
    on_ready: Callable[[str, Path, str], None] = lambda address, journal, metrics: None,
) -> None:
    """Serve until SIGTERM or SIGINT; port 0 is any free one.

    `metrics_port`: where Prometheus asks, None: nowhere. `on_ready` hears the address, the journal's folder, and the
    metrics' address or an empty text.

    TenureError: the port is taken, the journal cannot be written, a certificate without its key, or plain HTTP for
    more than this machine: write keys and what people do would go over the network for everybody to read.
    """
    if (certificate is None) != (private_key is None):
        raise TenureError("TLS", "a certificate and its private key go together", "give --tls-cert and --tls-key")
    for path in (certificate, private_key):
        if path is not None and not path.is_file():
            raise TenureError(f"TLS file {path}", "there is no such file", "give the PEM file's path")
    if certificate is None and not allow_http and not _is_loopback(host):
        why = "plain HTTP would show keys and events to the network"
        raise TenureError(f"host {host}", why, "give --tls-cert and --tls-key, or --allow-http behind a proxy with TLS")
    import uvicorn

    from connectors.collector.http.connection import Connection

    listening = _listen(host, port)
    with listening:
        journal = open_journal(home.journal_root())
        metrics = Metrics()
        _log_as_json()
        _allow_connections()
        config = uvicorn.Config(
            make_app(lake, journal, metrics),
            http=Connection,
            # Nothing here speaks it, and a header that asks for it must not take a request away from the application.
            ws="none",
            ssl_certfile=certificate,
            ssl_keyfile=private_key,
            log_config=None,
            access_log=False,
            server_header=False,
            # The proxy's word on the scheme counts only where it says so from this machine (uvicorn's default).
            proxy_headers=True,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            # Longer than the minute that load balancers keep an idle connection: who closes first must not be us.
            timeout_keep_alive=75,
        )
        server = uvicorn.Server(config)
        # uvicorn raises the signal again when it is done, which would end this process before it says so. And it
        # listens from inside run only: one that comes before must not be lost, or nobody would stop.
        signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
        scheme, at = "http" if certificate is None else "https", listening.getsockname()
        name = f"[{at[0]}]" if ":" in at[0] else at[0]
        try:
            told = ""
            if metrics_port is not None:
                told = f"http://{metrics_host}:{metrics.serve(metrics_host, metrics_port)}/metrics"
            on_ready(f"{scheme}://{name}:{at[1]}", journal.folder, told)
            server.run(sockets=[listening])
        finally:
            journal.close()


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


class _Json(logging.Formatter):
    """One JSON object a line: time, level, what happened, to whom. Never a key, never what was sent."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in _TOLD if hasattr(record, name)},
        }
        return json.dumps(told)


def _log_as_json() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json())
    for name in ("tenure.collector", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
