"""How Superset is served, on 127.0.0.1: by threads, because DuckDB works outside the interpreter's lock."""

from __future__ import annotations

import os
import resource
from typing import Any

bind = f"127.0.0.1:{os.environ['TENURE_SUPERSET_PORT']}"
worker_class = "gthread"
workers = int(os.environ.get("TENURE_SUPERSET_WORKERS") or 1)
threads = int(os.environ.get("TENURE_SUPERSET_THREADS") or 8)
timeout = 120
graceful_timeout = 5
# Static files are many: a dashboard opens faster over kept connections.
keepalive = 30
control_socket_disable = True


def post_fork(server: Any, worker: Any) -> None:
    """Bound a worker's memory: a statement can build one huge value past DuckDB's own limit, and then fails alone."""
    limit = int(float(os.environ.get("TENURE_SUPERSET_MEMORY_GB") or 4) * (1 << 30))
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
