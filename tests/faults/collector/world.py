"""The small world that the collector's faults are injected into: four devices of three tenants on two shards.

    folder/home        TENURE_HOME of the fault at work        folder/kept/{first,more}   what faults start from

`first`: nothing was ever landed. `more`: a file and a collector's segment were.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from connectors.collector.http.messages import Message
from connectors.collector.journal.journal import Journal, open_journal
from connectors.collector.landing.journals import land_journals
from connectors.contracts.times import now_micros
from connectors.landing.land import land
from tests.faults.collector.client import Device
from tests.faults.collector.judge import Held, held
from tests.faults.injector import calm
from transforms.definition import transforms
from transforms.engines.duckdb import split, translate
from warehouse_models import home
from warehouse_models.catalog.sources import Sources
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.specs import all_specs

# As large as a few requests, so that segments are closed under way; the product's own are of 32 MiB.
SEGMENT_BYTES = 16 * 1024
_OWNERS = ("acme", "acme", "bolt", "far")


@dataclass
class World:
    """The folder of a campaign, who sends, and what each kept state holds."""

    folder: Path
    log: Path
    devices: list[Device]
    before: dict[bool, Held]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def journals(self) -> Path:
        return self.home / "journal"

    def restore(self, is_first: bool) -> None:
        """Make the home one of the kept states."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.folder / "kept" / ("first" if is_first else "more"), self.home)


def make(folder: Path) -> World:
    """A world in an empty folder; TENURE_HOME has to be `folder/home` already."""
    log = folder / "log"
    world = World(folder, log, calm(_first, log), {})
    shutil.copytree(world.home, folder / "kept" / "first")
    calm(lambda: _more(folder), log)
    shutil.copytree(world.home, folder / "kept" / "more")
    read: Callable[[], Held] = lambda: held(home.journal_root(), to_silver=False)  # noqa: E731
    world.before = {True: Held(), False: calm(read, log)}
    return world


def _first() -> list[Device]:
    catalog = Catalog(Lake())
    catalog.add_shard("second")
    for tenant in sorted(set(_OWNERS)):
        catalog.add_tenant(tenant, "second" if tenant == "far" else "pool")
    devices = []
    for number, tenant in enumerate(_OWNERS):
        source, key = Sources(catalog).add(tenant, f"device {number}")
        devices.append(Device(tenant, source.source_id, key))
    return devices


def _more(folder: Path) -> None:
    lake = Lake()
    journal = open_journal(home.journal_root())
    for number, tenant in enumerate(("acme", "far")):
        events = [_event(f"before-{tenant}-{n}") for n in range(3)] + [{**_event("bad"), "type": "merge"}]
        body = json.dumps({"batch": events, "sentAt": "2026-02-01T10:00:01Z"}).encode()
        journal.append([Message(now_micros() + number, tenant, "src_before", "batch", body).to_bytes()])
    journal.close()
    land_journals(lake, Catalog(lake), home.journal_root())
    land_file(folder / "before.jsonl", "acme")


def land_file(path: Path, tenant: str) -> None:
    """Somebody lands a file of events meanwhile."""
    path.write_text("".join(json.dumps(_event(f"file-{path.stem}-{n}")) + "\n" for n in range(3)), encoding="utf-8")
    lake = Lake()
    report = land(lake, Catalog(lake), tenant, "events", [path])
    if not report.is_complete:
        raise RuntimeError(report.to_json())


def _event(name: str) -> dict[str, str]:
    same = {"type": "track", "event": "Opened", "userId": "u1", "timestamp": "2026-02-01T10:00:00Z"}
    return {**same, "messageId": name}


def warm() -> None:
    """Import and check once what every child would have to; opens nothing that a fork must not inherit."""
    for name in (
        "pyarrow.dataset", "uvicorn.main", "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvloop",
        "uvicorn.protocols.websockets.auto", "uvicorn.lifespan.on", "uvicorn.protocols.http.httptools_impl",
    ):  # fmt: skip
        import_module(name)
    assert Journal.__init__.__kwdefaults__["segment_bytes"] > SEGMENT_BYTES
    Journal.__init__.__kwdefaults__["segment_bytes"] = SEGMENT_BYTES
    duck.verified("delta")
    all_specs()
    for transform in transforms().values():
        split(transform.sql, transform.materialize)
        translate(transform.touched_sql or "select 1")
