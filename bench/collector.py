"""The collector under load on loopback: durable events a second, times of acknowledgement, the limits beside them.

One run also lands all that was acknowledged, and says no number where an event is missing: a fast reply that loses
something is no measurement. The load comes from bench/load.py, in a process of its own, which uses the same cores.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson

from bench.load import ROOT, Plan, Result, load
from bench.path import machine, say
from connectors.collector.landing.journals import land_journals
from orchestration.schedules import SENSOR_SECONDS
from warehouse_models import home
from warehouse_models.catalog.sources import Sources
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

TENANT = "bench"
PEAK = 5_000  # events a second: METRICS' largest tenant on its busiest minute
_TENURE = "from orchestration.cli import main; main()"


@dataclass(frozen=True)
class Groups:
    """fsyncs of a load, and the requests and bytes that they made durable."""

    syncs: int
    requests: int
    size: int


def compare(folder: Path, *, seconds: float = 5, connections: int = 128) -> str:
    """The tables of one run as Markdown. `seconds` of each load; `connections` of the loads at saturation."""
    folder.mkdir(parents=True, exist_ok=True)
    lake, key = _home(folder / "loaded")
    loads = {
        f"single events, {connections} connections": (1, 0.0),
        "batches of 20": (20, 0.0),
        "batches of 100": (100, 0.0),
        f"single events, {PEAK:,} a second, open loop": (1, float(PEAK)),
        f"batches of 20, {PEAK:,} events a second, open loop": (20, PEAK / 20),
    }
    rows, acked, singles = [], 0, Groups(1, 1, 1)
    for name, (size, rate) in loads.items():
        result, groups = _loaded(folder, key, size, rate, seconds, connections)
        if set(result.replies) != {"200"}:
            raise SystemExit(f"the run is no measurement: {name}: {result.replies}")
        acked += result.replies["200"] * size
        singles = groups if name.startswith("single") and not rate else singles
        rows.append(_row(name, size, result, groups))
        say(rows[-1])
    landed = _land(lake, acked)
    head = (
        "| load | requests/s | durable events/s | ack p50 | p95 | p99 | longest | requests an fsync | generator |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    )
    limits = _limits(folder, singles, seconds, connections)
    limits += [f"| the lander: journal to bronze, {acked:,} events | {landed:,.0f} events/s |", _visible(folder)]
    return (
        f"{machine()}; {seconds:g} s each, load average {os.getloadavg()[0]:.1f} at the end; all {acked:,} acknowledged"
        f" events are in bronze\n\n{head}"
        + "\n".join(rows)
        + "\n\n| limit beside it | |\n|---|--:|\n"
        + "\n".join(limits)
    )


def _row(name: str, size: int, result: Result, groups: Groups) -> str:
    times = " | ".join(f"{result.milliseconds[q]:.1f} ms" for q in ("p50", "p95", "p99", "max"))
    each = f"{groups.requests / groups.syncs:.1f} | {result.busy:.0%}"
    return f"| {name} | {result.per_second:,.0f} | {result.per_second * size:,.0f} | {times} | {each} |"


def _loaded(folder: Path, key: str, size: int, rate: float, seconds: float, connections: int) -> tuple[Result, Groups]:
    with _collector(folder) as (address, metrics):
        # At a given rate a late answer must not hold back what is due, so there are more connections than needed.
        asked = [request.decode("latin-1") for request in _requests(address, key, size)]
        result = load(Plan(address, asked, seconds, connections if not rate else 4 * connections, rate))
        return result, _groups(metrics)


def _groups(metrics: str) -> Groups:
    """What the collector itself counted."""
    counters = dict(line.rsplit(" ", 1) for line in httpx.get(metrics).text.splitlines() if not line.startswith("#"))
    bytes_of = "tenure_collector_event_bytes_total{"
    size = sum(float(value) for name, value in counters.items() if name.startswith(bytes_of))
    syncs, requests = (float(counters[f"tenure_collector_journal_sync_requests_{of}"]) for of in ("count", "sum"))
    return Groups(int(syncs), int(requests), int(size))


def _limits(folder: Path, groups: Groups, seconds: float, connections: int) -> list[str]:
    """What nothing can undercut here: the same server without work, the disk, the JSON parser."""
    with _collector(folder) as (address, _):
        host = urlsplit(address).netloc
        empty = load(Plan(address, [f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n"], seconds, connections))
    mean, size = groups.requests / groups.syncs, groups.size // groups.syncs
    syncs = _syncs(home.journal_root(), size, seconds / 2)
    single, batch = (_body(n) for n in (1, 100))
    return [
        f"| empty replies of the same server (GET /health) | {empty.per_second:,.0f} requests/s |",
        f"| fsyncs of the journal's disk, {size:,} bytes each | {syncs:,.0f} a second |",
        f"| … with the mean group of single events ({mean:.1f}) | {syncs * mean:,.0f} events/s |",
        f"| orjson reads single events ({len(single):,} bytes) | {_parsed(single, seconds / 5):,.0f} events/s |",
        f"| orjson reads batches of 100 ({len(batch):,} bytes) | {100 * _parsed(batch, seconds / 5):,.0f} events/s |",
    ]


def _syncs(folder: Path, size: int, seconds: float) -> float:
    path, block = folder / "syncs", os.urandom(size)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            os.write(file, block)
            os.fdatasync(file)
            count += 1
        return count / (time.perf_counter() - begin)
    finally:
        os.close(file)
        path.unlink()


def _parsed(body: bytes, seconds: float) -> float:
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        orjson.loads(body)
        count += 1
    return count / (time.perf_counter() - begin)


def _land(lake: Lake, acked: int) -> float:
    """Land what the journals hold; events a second."""
    begin = time.perf_counter()
    report = land_journals(lake, Catalog(lake), home.journal_root())
    seconds = time.perf_counter() - begin
    if report.accepted != acked or report.kept:
        raise SystemExit(f"the run is no measurement: {acked} acknowledged, {report.accepted} landed, {report.kept}")
    say(f"{acked:,} events landed in {seconds:.1f} s")
    return acked / seconds


def _visible(folder: Path) -> str:
    """From an acknowledged event to its row in the published mart, on a small lake: `tenure run` as a process."""
    lake, key = _home(folder / "small")
    with _collector(folder) as (address, _):
        for size in (100, 1):
            call = "batch" if size > 1 else "track"
            httpx.post(f"{address}/v1/{call}", content=_body(size, size), auth=(key, "")).raise_for_status()
            begin = time.perf_counter()
            _tenure("run")
            rows = json.loads(_tenure("sql", "SELECT count(*) AS n FROM marts.fct_events", "--format", "json"))
            seconds = time.perf_counter() - begin
            say(f"{rows[0]['n']} events published, {seconds:.1f} s after they were acknowledged")
    worst = SENSOR_SECONDS + seconds
    goal = "" if worst <= 300 else " **(goal: 5 min)**"
    return (
        f"| from acknowledged to published, small lake: landing and `tenure run` {seconds:.1f} s, after at most"
        f" {SENSOR_SECONDS} s until the sensor looks | ≤ {worst:.0f} s{goal} |"
    )


def _body(size: int, first: int = 0) -> bytes:
    """A body as an SDK sends it: one event, or a batch."""
    events = [
        {
            "type": "track",
            "event": "Report Created",
            "messageId": f"bench-{number}",
            "userId": f"u{number % 997}",
            "timestamp": "2026-03-01T10:00:00.000Z",
            "originalTimestamp": "2026-03-01T10:00:00.000Z",
            "properties": {"rows": number, "format": "csv", "shared": True, "title": "Quarter against plan"},
            "context": {
                "library": {"name": "@segment/analytics-node", "version": "3.1.0"},
                "page": {"path": "/reports", "title": "Reports", "url": "https://app.example.com/reports"},
                "locale": "de-CH",
                "groupId": f"acc{number % 50}",
            },
        }
        for number in range(first, first + size)
    ]
    sent = {"sentAt": "2026-03-01T10:00:00.500Z"}
    return orjson.dumps({"batch": events, **sent} if size > 1 else {**events[0], **sent})


def _requests(address: str, key: str, size: int) -> Iterator[bytes]:
    """Whole requests for at least 2,000 events, each event with an id of its own."""
    call = "batch" if size > 1 else "track"
    auth = base64.b64encode(f"{key}:".encode()).decode()
    for first in range(0, 2_000, size):
        body = _body(size, first)
        yield (
            f"POST /v1/{call} HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nAuthorization: Basic {auth}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


def _home(place: Path) -> tuple[Lake, str]:
    """An empty home with a tenant whose quota is no limit; its lake and a write key."""
    shutil.rmtree(place, ignore_errors=True)
    os.environ["TENURE_HOME"] = str(place)
    lake = Lake()
    catalog = Catalog(lake)
    catalog.add_tenant(TENANT)
    catalog.set_tenant(TENANT, events_per_second=1_000_000_000)
    return lake, Sources(catalog).add(TENANT, "bench")[1]


@contextmanager
def _collector(folder: Path) -> Iterator[tuple[str, str]]:
    """A `tenure collector serve` of this home; its address and that of its metrics."""
    log = folder / "collector.log"
    command = [sys.executable, "-c", _TENURE, "collector", "serve", "--port", "0", "--metrics-port", "0"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "COLUMNS": "400"}, stdout=file, stderr=file)
    try:
        deadline = time.monotonic() + 60
        while not ((ready := re.search(r"collector on (http\S+),", log.read_text())) and "complete" in log.read_text()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the collector did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        metrics = re.search(r"metrics on (http\S+)", log.read_text())
        assert metrics is not None
        yield ready[1], metrics[1]
    finally:
        process.terminate()
        process.wait(timeout=60)


def _tenure(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", _TENURE, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"tenure {arguments[0]} failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout
