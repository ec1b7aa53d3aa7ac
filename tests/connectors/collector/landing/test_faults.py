"""Collectors under disorder: killed, full disks, no catalog, told to stop. What was acknowledged is kept."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connectors.collector.journal.segments import closed_segments
from tests.connectors.collector.landing.test_lander import lander
from tests.support.worlds.collector import ROOT, TENURE, Collector, World, event, start
from warehouse_models import home

pytestmark = pytest.mark.campaign


class Client(threading.Thread):
    """Sends batches as an SDK does: the same batch again until it is told 200, with a new sentAt."""

    def __init__(self, address: str, key: str, name: str) -> None:
        super().__init__(name=name)
        self.address, self.key = address, key
        self.acked: list[str] = []
        self.replies: list[int] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        number = 0
        with httpx.Client(timeout=10) as client:
            while not self.stopping.is_set():
                ids = [f"{self.name} {number} {n}" for n in range(5)]
                while not self._sent(client, ids):
                    time.sleep(0.02)
                self.acked += ids
                number += 1

    def _sent(self, client: httpx.Client, ids: list[str]) -> bool:
        body = {"batch": [event(1, messageId=each) for each in ids], "sentAt": f"{time.time():.6f}"}
        body["sentAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            reply = client.post(f"{self.address}/v1/batch", json=body, auth=(self.key, ""))
        except httpx.TransportError:
            return False
        self.replies.append(reply.status_code)
        return reply.status_code == 200


def test_killing_collectors_and_landers_under_traffic_loses_nothing_that_was_acknowledged(
    own_world: World, tmp_path: Path
) -> None:
    source, key = own_world.source()
    chance = random.Random(11)
    collectors = [start(tmp_path) for _ in range(2)]
    ports = [int(each.address.rpartition(":")[2]) for each in collectors]
    clients = [Client(collectors[n % 2].address, key, f"client {n}") for n in range(4)]
    for client in clients:
        client.start()
    landing = lander()
    for _ in range(4):
        time.sleep(0.3 + chance.random() / 2)
        struck = chance.randrange(2)
        collectors[struck].kill()
        landing.kill()
        landing.wait()
        collectors[struck] = start(tmp_path, port=ports[struck])
        landing = lander()
    for client in clients:
        client.stopping.set()
    for client in clients:
        client.join()
    landing.wait(timeout=120)
    for collector in collectors:
        collector.kill()
    own_world.land()
    acked = {each for client in clients for each in client.acked}
    rows = own_world.bronze(source, "record_id, payload_sha, file, line")
    assert acked == {row["record_id"] for row in rows} and len(acked) > 100
    assert len({(row["record_id"], row["payload_sha"]) for row in rows}) == len(rows)
    assert all(status in (200, 503) for client in clients for status in client.replies)
    assert not list(home.journal_root().glob("*/*.open")) and not list(home.journal_root().glob("*/*.log"))


def test_what_was_acknowledged_before_a_run_is_landed_by_it_while_the_collector_goes_on(
    own_world: World, tmp_path: Path
) -> None:
    source, key = own_world.source()
    own_world.collector = start(tmp_path)
    for n in range(3):
        assert own_world.post("/v1/track", event(n), key).status_code == 200
        own_world.land()
        assert len(own_world.bronze(source)) == n + 1
    own_world.collector.kill()


def test_while_the_catalog_cannot_be_read_known_keys_count_on_and_unknown_ones_are_told_to_come_again(
    own_world: World, tmp_path: Path
) -> None:
    _, key = own_world.source()
    own_world.collector = start(tmp_path)
    assert own_world.post("/v1/track", event(1), key).status_code == 200
    catalog, away = (Path(own_world.lake.root) / name for name in ("catalog", "away"))
    catalog.rename(away)
    time.sleep(3)  # longer than the collector takes to look again
    assert own_world.post("/v1/track", event(2), key).status_code == 200
    reply = own_world.post("/v1/track", event(3), "key-of-nobody")
    assert (reply.status_code, reply.json()["code"]) == (503, "catalog_unreadable")
    away.rename(catalog)
    assert own_world.post("/v1/track", event(3), "key-of-nobody").status_code == 401
    assert "the catalog cannot be read" in own_world.collector.log.read_text()


def test_a_collector_without_any_tenant_is_not_ready_and_refuses_nobody_for_good(
    tmp_path: Path, tenure_home: Path
) -> None:
    collector = start(tmp_path)
    try:
        assert httpx.get(f"{collector.address}/ready").status_code == 503
        assert httpx.post(f"{collector.address}/v1/t", json=event(1), auth=("a-key-of-later", "")).status_code == 503
    finally:
        collector.kill()


def test_a_collector_that_is_told_to_stop_answers_what_it_took_and_leaves_a_closed_journal(
    own_world: World, tmp_path: Path
) -> None:
    source, key = own_world.source()
    own_world.collector = start(tmp_path)
    assert own_world.post("/v1/track", event(1), key).status_code == 200
    assert own_world.collector.stop() == 0
    assert len(closed_segments(home.journal_root() / "0")) == 1
    own_world.land()
    assert len(own_world.bronze(source)) == 1


def test_silent_days_count_while_a_collector_runs_and_not_when_none_does(own_world: World, tmp_path: Path) -> None:
    own_world.catalog.add_tenant("quiet")
    own_world.catalog.add_tenant("late", state="suspended")
    own_world.catalog.add_tenant("files")
    for tenant in ("acme", "quiet", "late"):
        own_world.source(tenant)
    own_world.land()
    assert clocks(own_world) == []
    own_world.collector = start(tmp_path)
    for _ in range(3):
        own_world.land()
    assert clocks(own_world) == ["acme", "quiet"]
    own_world.collector.kill()


def clocks(world: World) -> list[str]:
    if world.lake.shard("pool").version("bronze/landings") is None:
        return []
    with world.lake.duck() as duck:
        landings = world.lake.shard("pool").scan("bronze/landings")
        rows = duck.execute(f"SELECT tenant_id, as_of FROM {landings} ORDER BY 1").fetchall()
    assert all(abs(as_of.timestamp() - time.time()) < 60 for _, as_of in rows)
    return [tenant for tenant, _ in rows]


@pytest.fixture
def full_disk(own_world: World, tmp_path: Path) -> Iterator[tuple[World, Path]]:
    """A collector whose journal lies on a file system of 512 KiB."""
    folder = home.journal_root()
    folder.mkdir(parents=True)
    process = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True, text=True
    )
    if process.returncode:
        pytest.skip(f"no file system of its own can be mounted here: {process.stderr.strip()}")
    collector: Collector | None = None
    try:
        own_world.collector = collector = start(tmp_path)
        yield own_world, folder
    finally:
        if collector:
            collector.kill()
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_on_a_full_disk_it_answers_503_and_says_so_and_goes_on_when_there_is_room(
    full_disk: tuple[World, Path],
) -> None:
    world, folder = full_disk
    source, key = world.source()
    (folder / "ballast").write_bytes(b"x" * 300_000)
    replies = {}
    for n in range(40):
        replies[n] = world.post("/v1/track", event(n, properties={"text": "x" * 20_000}), key)
    kept = {n for n, reply in replies.items() if reply.status_code == 200}
    assert 3 < len(kept) < 20
    for n in set(replies) - kept:
        assert (replies[n].status_code, replies[n].json()["code"]) == (503, "not_writable")
        assert replies[n].headers["Retry-After"]
    (folder / "more").write_bytes(b"")
    with (folder / "more").open("ab", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 512)
            except OSError:
                break
    assert world.client.get(f"{world.collector.address}/ready").status_code == 503
    assert world.client.get(f"{world.collector.address}/health").status_code == 200
    for name in ("ballast", "more"):
        (folder / name).unlink()
    assert world.client.get(f"{world.collector.address}/ready").status_code == 200
    assert world.post("/v1/track", event(99), key).status_code == 200
    assert not world.land().kept
    assert {row["record_id"] for row in world.bronze(source)} == {f"m{n}" for n in {*kept, 99}}
    assert "No space left" in world.collector.log.read_text()


def test_a_collector_that_is_told_to_stop_while_it_starts_stops(own_world: World) -> None:
    """uvicorn listens for signals only from inside its run; one that came just before was lost."""
    first = (
        "import os, signal, uvicorn\n"
        "run = uvicorn.Server.run\n"
        "def interrupted(self, **how):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    run(self, **how)\n"
        "uvicorn.Server.run = interrupted\n"
    )
    command = [*TENURE[:2], f"{first}{TENURE[2]}", "collector", "serve", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, cwd=ROOT, env=environment, timeout=60, capture_output=True).returncode == 0
