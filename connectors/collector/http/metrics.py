"""What a running collector counts, for Prometheus. Never a write key, never what was sent.

Served on a port of its own (`tenure collector serve --metrics-port`): the tracking API is open to the world, and which
tenants there are and how much they send is nobody's business there, whatever a proxy in front forwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric

from warehouse_models.errors import TenureError

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)


class Metrics:
    """The counters of one collector; gauges are read when they are asked for (`watch`)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tenure_collector_requests",
            "Requests answered, by endpoint and status.",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "tenure_collector_request_seconds",
            "Time from the request's head to its reply, by endpoint.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.refused = Counter(
            "tenure_collector_refused",
            "Requests that were not taken, by the code of the reply.",
            ["code"],
            registry=self.registry,
        )
        whose = ["tenant", "source"]
        self.events = Counter("tenure_collector_events", "Events acknowledged.", whose, registry=self.registry)
        self.bytes = Counter(
            "tenure_collector_event_bytes", "Bodies acknowledged, unpacked, in bytes.", whose, registry=self.registry
        )
        self.sync_seconds = Histogram(
            "tenure_collector_journal_sync_seconds",
            "Time to write one group of requests and have it on the disk.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.sync_records = Histogram(
            "tenure_collector_journal_sync_requests",
            "Requests that shared one wait for the disk.",
            buckets=_RECORDS,
            registry=self.registry,
        )

    def taken(self, tenant: str, source: str, events: int, size: int) -> None:
        """Count a request that was acknowledged; `size` in bytes."""
        self.events.labels(tenant, source).inc(events)
        self.bytes.labels(tenant, source).inc(size)

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a reply."""
        self.requests.labels(endpoint, str(status)).inc()
        self.seconds.labels(endpoint).observe(seconds)

    def synced(self, records: int, seconds: float) -> None:
        """Count a group that reached the disk."""
        self.sync_records.observe(records)
        self.sync_seconds.observe(seconds)

    def watch(self, folder: Path, **gauges: Callable[[], float]) -> None:
        """Show the backlog of a journal's folder, and each of `gauges` as it is when Prometheus asks."""
        self.registry.register(_Gauges(folder, gauges))

    def serve(self, host: str, port: int) -> int:
        """Serve GET /metrics in a thread until the process ends; the port. TenureError: it is taken."""
        try:
            server, _ = start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            why = f"it cannot be listened to ({error.strerror or error})"
            raise TenureError(
                f"port {port} of {host}", why, "choose another --metrics-port; 0: any free one"
            ) from error
        return int(server.server_port)


class _Gauges:
    """Read at each scrape: nothing keeps a gauge up to date, so nothing can forget to."""

    def __init__(self, folder: Path, gauges: dict[str, Callable[[], float]]) -> None:
        self._folder, self._gauges = folder, gauges

    def collect(self) -> Iterator[Metric]:
        sizes, begun, kept = [], [], 0
        for path in self._folder.glob("*-*.*"):
            if path.suffix not in (".open", ".log"):
                kept += path.suffix in (".kept", ".waiting")
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # the lander was quicker
            sizes.append(status.st_size)
            begun.append(status.st_mtime)
        oldest = time.time() - min(begun) if begun else 0.0
        prefix = "tenure_collector_journal"
        yield GaugeMetricFamily(f"{prefix}_segments", "Segments that bronze does not hold yet.", len(sizes))
        yield GaugeMetricFamily(f"{prefix}_bytes", "Their size in bytes.", sum(sizes))
        words = "Time since the oldest of them was written to last; growing: nothing lands."
        yield GaugeMetricFamily(f"{prefix}_idle_seconds", words, oldest)
        words = "Files beside it that nothing lands by itself: tenure doctor names them."
        yield GaugeMetricFamily(f"{prefix}_kept", words, kept)
        for name, ask in self._gauges.items():
            yield GaugeMetricFamily(f"tenure_collector_{name}", name.replace("_", " "), ask())
