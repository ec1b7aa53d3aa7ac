"""Webhooks under disorder: repeated deliveries, killed landers and collectors, a disk that takes nothing."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.collector.http.messages import Message
from connectors.collector.http.protocol import Refusal
from connectors.collector.journal.frames import frame
from connectors.collector.journal.segments import closed_segments
from connectors.collector.landing.journals import land_journals
from connectors.collector.webhooks.handshake import keep_secret
from connectors.collector.webhooks.items import to_journal
from tests.connectors.collector.webhooks.test_hooks import DELIVERIES, FETCHES, deliver, hook_of, landed
from tests.support.vendors import body_of, hubspot_event, stripe_event
from tests.support.worlds.collector import ROOT, World, event, start
from warehouse_models import home
from warehouse_models.catalog.hooks import Hook, Hooks
from warehouse_models.catalog.secrets import read_secret
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard

pytestmark = pytest.mark.campaign

RECEIVED = 1_772_359_300_000_000

# Lands what the journals hold, and dies before or after a step, the second time it is reached.
_LAND = """
import os, sys
from pathlib import Path
import connectors.collector.landing.deliveries as hook_lander
from connectors.collector.landing.journals import land_journals
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard


moment, _, step = sys.argv[1].partition(" ")
calls = 0

def dying(function, is_meant):
    def run(*arguments, **named):
        global calls
        calls += is_meant(arguments)
        now = is_meant(arguments) and calls == 2
        if now and moment == "before":
            os.kill(os.getpid(), 9)
        result = function(*arguments, **named)
        if now and moment == "after":
            os.kill(os.getpid(), 9)
        return result
    return run

if step == "quarantine":
    hook_lander.refuse = dying(hook_lander.refuse, lambda _: True)
elif step in ("deliveries", "fetches"):
    Shard.append = dying(Shard.append, lambda arguments: str(arguments[1]).endswith(step))
elif step == "drop":
    Path.unlink = dying(Path.unlink, lambda arguments: arguments[0].suffix == ".log")
lake = Lake()
land_journals(lake, Catalog(lake), home.journal_root())
"""


def lander(where: str = "never never") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _LAND, where], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def hook_record(tenant: str, hook: str, system: str, value: Any, number: int = 0) -> bytes:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    message = Message(RECEIVED + number, tenant, hook, f"hook:{system}", to_journal(None, body))
    return frame(message.to_bytes())


def write_segments(tenants: tuple[str, ...], segments: int = 3, writer: str = "writer") -> None:
    """Closed segments: for each tenant an event, a delivery of Stripe's, two contacts of HubSpot's and a broken body.

    Each segment repeats a delivery and a contact of the one before.
    """
    folder = home.journal_root() / "0"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, segments + 1):
        records = []
        for tenant in tenants:
            sent = json.dumps(event(number, messageId=f"{tenant} {number}")).encode()
            records += [
                frame(Message(RECEIVED + number, tenant, f"src_{tenant}", "track", sent).to_bytes()),
                hook_record(tenant, f"s_{tenant}", "stripe", stripe_event(number)),
                hook_record(tenant, f"s_{tenant}", "stripe", stripe_event(number - 1), 5),
                hook_record(tenant, f"h_{tenant}", "hubspot", [hubspot_event(number), hubspot_event(number + 1)]),
                hook_record(tenant, f"s_{tenant}", "stripe", f"broken {number}".encode()),
            ]
        (folder / f"{writer}-{number:08d}.log").write_bytes(b"".join(records))


def rows_of(world: World, address: str, columns: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for shard in world.catalog.shards():
        if world.lake.shard(shard.name).version(address) is not None:
            table = world.lake.shard(shard.name).scan(address)
            with world.lake.duck() as duck:
                rows += duck.execute(f"SELECT {columns} FROM {table}").fetchall()
    return sorted(rows)


def check(world: World, tenants: tuple[str, ...], segments: int = 3) -> None:
    """Every delivery, event and fetch of `write_segments` is there once, and nothing else."""
    stripe = [(t, f"s_{t}", f"evt_{n}") for t in tenants for n in range(segments + 1)]
    deliveries = rows_of(world, DELIVERIES, "tenant_id, source_id, coalesce(vendor_id, record_id)")
    hubspot = [(t, f"h_{t}", str(n)) for t in tenants for n in range(1, segments + 2)]
    assert deliveries == sorted(stripe + hubspot)
    fetches = rows_of(world, FETCHES, "tenant_id, object, record_id")
    assert fetches == sorted((t, "contact", str(900 + n)) for t in tenants for n in range(1, segments + 2))
    assert len(rows_of(world, "bronze/product/events", "tenant_id, record_id")) == segments * len(tenants)
    refused = rows_of(world, "bronze/quarantine", "tenant_id, payload")
    assert refused == sorted((t, f"broken {n}") for t in tenants for n in range(1, segments + 1))
    places = rows_of(world, DELIVERIES, "file, line")
    assert len(places) == len(set(places))


@pytest.mark.parametrize(
    "where",
    [f"{moment} {step}" for step in ("quarantine", "deliveries", "fetches", "drop") for moment in ("before", "after")],
)
def test_a_lander_of_deliveries_killed_between_any_two_steps_is_completed_by_the_next(
    own_world: World, where: str
) -> None:
    own_world.catalog.add_shard("second")
    own_world.catalog.add_tenant("far", "second")
    write_segments(("acme", "far"))
    process = lander(where)
    assert process.wait(timeout=120) == -signal.SIGKILL
    assert closed_segments(home.journal_root() / "0")
    own_world.land()
    check(own_world, ("acme", "far"))
    assert own_world.land().segments == 0


def test_two_landers_of_two_journals_land_a_delivery_that_both_hold_once(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hosts: they share no lock, and a vendor repeated each delivery to the other's collector."""
    met, append, waited = threading.Barrier(2), Shard.append, set()

    def meeting(tables: Shard, table: Any, *arguments: Any, **named: Any) -> int:
        # Both have looked up what is there before either writes; after that they go on as they like.
        me = (threading.get_ident(), getattr(table, "address", table))
        if "webhooks" in me[1] and me not in waited:
            waited.add(me)
            met.wait(timeout=30)
        return append(tables, table, *arguments, **named)

    monkeypatch.setattr(Shard, "append", meeting)
    write_segments(("acme",), segments=4)
    copy = home.journal_root().parent / "other" / "0"
    copy.mkdir(parents=True)
    for *_, path in closed_segments(home.journal_root() / "0"):
        content = path.read_bytes()
        (copy / path.name.replace("writer", "another")).write_bytes(content)

    def land(root: Path) -> None:
        lake = Lake()
        land_journals(lake, Catalog(lake), root)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(land, (home.journal_root(), copy.parent)))
    assert not closed_segments(home.journal_root() / "0") and not closed_segments(copy)
    assert rows_of(own_world, DELIVERIES, "count(*), count(DISTINCT (source_id, record_id))") == [(10, 10)]
    assert rows_of(own_world, FETCHES, "count(*)") == [(5,)]


def test_a_handshake_whose_commit_is_said_to_have_failed_keeps_the_secret_that_the_catalog_may_name(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _ = own_world.hooks.add("acme", "asana")
    shake_hands = Hooks.shake_hands

    def lost_reply(self: Hooks, hook_id: str, reference: str) -> Hook:
        shake_hands(self, hook_id, reference)
        raise OSError("the reply was lost")

    monkeypatch.setattr(Hooks, "shake_hands", lost_reply)
    with pytest.raises(Refusal) as refused:
        keep_secret(own_world.catalog, hook, "offered-by-the-vendor")
    assert refused.value.status == 503
    (shaken,) = own_world.hooks.all("acme")
    assert [read_secret(where) for where in shaken.references(datetime.now(UTC))] == ["offered-by-the-vendor"]


def test_a_delivery_that_comes_again_is_landed_once_in_one_segment_or_in_several(
    own_world: World, tmp_path: Path
) -> None:
    own_world.collector = start(tmp_path)
    port = int(own_world.collector.address.rpartition(":")[2])
    hook, other = hook_of(own_world, "stripe"), hook_of(own_world, "stripe")
    for _ in range(3):
        assert deliver(own_world, hook, body_of("stripe", 1)).status_code == 200
    # The same id at another webhook is another delivery: Stripe's accounts number by themselves.
    assert deliver(own_world, other, body_of("stripe", 1)).status_code == 200
    assert own_world.land().hooks.added == 2
    assert deliver(own_world, hook, body_of("stripe", 1)).status_code == 200
    assert own_world.land().segments == 0, "what this collector remembers does not reach the journal"
    own_world.collector.kill()
    own_world.collector = start(tmp_path, port=port)
    assert deliver(own_world, hook, body_of("stripe", 1)).status_code == 200
    assert deliver(own_world, hook, body_of("stripe", 2)).status_code == 200
    report = own_world.land()
    assert (report.hooks.added, report.hooks.repeated) == (1, 1)
    assert [row["record_id"] for row in landed(own_world, hook)] == ["evt_1", "evt_2"]


def test_the_same_delivery_many_times_at_once_is_landed_once(own_world: World, tmp_path: Path) -> None:
    own_world.collector = start(tmp_path)
    hook = hook_of(own_world, "stripe")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: deliver(own_world, hook, body_of("stripe", 1)).status_code, range(64)))
    assert set(replies) == {200}
    own_world.land()
    assert len(landed(own_world, hook)) == 1


def test_what_was_acknowledged_is_there_after_the_collector_was_killed(own_world: World, tmp_path: Path) -> None:
    own_world.collector = start(tmp_path)
    hook = hook_of(own_world, "jira")
    for number in range(20):
        assert deliver(own_world, hook, body_of("jira", number), sent_id=f"d{number}").status_code == 200
    own_world.collector.kill()
    own_world.land()
    assert [row["vendor_id"] for row in landed(own_world, hook)] == [f"d{number}" for number in range(20)]


def test_a_delivery_that_cannot_be_kept_is_503_and_taken_when_it_comes_again(own_world: World, tmp_path: Path) -> None:
    own_world.collector = start(tmp_path)
    pid, unlimited = own_world.collector.process.pid, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    hook = hook_of(own_world, "stripe")
    assert deliver(own_world, hook, body_of("stripe", 1)).status_code == 200
    # No file of the collector may grow: what a full disk answers, too.
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    for _ in range(2):
        reply = deliver(own_world, hook, body_of("stripe", 2))
        assert (reply.status_code, reply.json()["code"]) == (503, "not_writable") and reply.headers["Retry-After"]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    assert deliver(own_world, hook, body_of("stripe", 2)).status_code == 200
    own_world.land()
    assert [row["record_id"] for row in landed(own_world, hook)] == ["evt_1", "evt_2"]
