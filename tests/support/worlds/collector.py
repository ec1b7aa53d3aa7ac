"""A real collector in a process of its own, and one short way to send to it and to see what it made of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from connectors.collector.landing.journals import JournalReport, land_journals
from connectors.systems.discovery import secret_makers
from warehouse_models import home
from warehouse_models.catalog.hooks import Hooks
from warehouse_models.catalog.sources import Sources
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

ROOT = Path(__file__).resolve().parents[3]
EVENTS = "bronze/product/events"
TENURE = (sys.executable, "-c", "from orchestration.cli import main; main()")


@dataclass
class Collector:
    """A running `tenure collector serve`."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


STARTED: list[Collector] = []


def stop_started(first: int) -> None:
    """Kill the collectors that a test started and did not stop: those from `first` on."""
    for collector in STARTED[first:]:
        collector.kill()
    del STARTED[first:]


def start(
    folder: Path, *, port: int = 0, arguments: tuple[str, ...] = (), first: str = "", **environment: str
) -> Collector:
    """Start a collector of this TENURE_HOME; its output goes to a file in `folder`. `first`: Python it runs before."""
    log = folder / f"collector-{time.monotonic_ns()}.log"
    command = [*TENURE[:2], f"{first}\n{TENURE[2]}", "collector", "serve", "--port", str(port), *arguments]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, stdout=file, stderr=file
        )
    deadline = time.monotonic() + 60
    while True:
        match = re.search(r"collector on (http\S+),", log.read_text())
        if match and "startup complete" in log.read_text():
            STARTED.append(Collector(process, match.group(1), log))
            return STARTED[-1]
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


@dataclass
class World:
    """A lake with tenants and sources, and a collector."""

    lake: Lake
    catalog: Catalog
    collector: Collector
    names: int = 0
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def source(self, tenant: str = "acme") -> tuple[str, str]:
        """(source_id, write key) of a new source."""
        self.names += 1
        added, key = Sources(self.catalog).add(tenant, f"source {self.names}")
        return added.source_id, key

    @property
    def hooks(self) -> Hooks:
        return Hooks(self.catalog, secret_makers())

    def post(self, path: str, body: Any, key: str | None = None, **how: Any) -> httpx.Response:
        """POST a body (bytes as they are, anything else as JSON) to the collector."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if key is not None:
            how["auth"] = (key, "")
        return self.client.post(self.collector.address + path, content=content, **how)

    def land(self) -> JournalReport:
        return land_journals(self.lake, self.catalog, home.journal_root())

    def bronze(self, source: str | None = None, columns: str = "*") -> list[dict[str, Any]]:
        return self._table(EVENTS, columns, source, "file, line")

    def refused(self, source: str) -> list[dict[str, Any]]:
        return self._table("bronze/quarantine", "*", source, "file, line")

    def _table(self, address: str, columns: str, source: str | None, order: str) -> list[dict[str, Any]]:
        if self.lake.shard("pool").version(address) is None:
            return []
        with self.lake.duck() as duck:
            answer = duck.execute(
                f"SELECT {columns} FROM {self.lake.shard('pool').scan(address)}"
                f" WHERE source_id = coalesce(?, source_id) ORDER BY {order}",
                [source],
            )
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def event(number: int, **more: Any) -> dict[str, Any]:
    """A good event as an SDK sends it; None takes a field away."""
    made = {
        "type": "track",
        "event": "Opened",
        "messageId": f"m{number}",
        "userId": f"u{number % 3}",
        "timestamp": "2026-03-01T10:00:00Z",
    }
    return {key: value for key, value in {**made, **more}.items() if value is not None}
