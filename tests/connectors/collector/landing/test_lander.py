"""The lander: killed between any two steps, two at once, damage, what nobody can land. Each event lands once."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.collector.http.messages import Message
from connectors.collector.journal.frames import frame
from connectors.collector.journal.segments import closed_segments
from connectors.collector.journal.waiting import retry
from connectors.collector.landing.journals import land_journals
from connectors.landing.replay import replay
from orchestration.journals import land_collected
from tests.connectors.collector.landing.test_run import tenure
from tests.support.worlds.collector import ROOT, World, event
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

pytestmark = pytest.mark.campaign

# Lands what the journals hold, and dies before or after a step, the second time it is reached.
_LAND = """
import os, sys
from pathlib import Path
import connectors.collector.landing.journals as lander
import connectors.collector.landing.segment as segment_lander
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard


where, calls = sys.argv[1], 0

def dying(function, is_after):
    def step(*arguments, **named):
        global calls
        calls += 1
        if calls == 2 and not is_after:
            os.kill(os.getpid(), 9)
        result = function(*arguments, **named)
        if calls == 2 and is_after:
            os.kill(os.getpid(), 9)
        return result
    return step

moment, _, step = where.partition(" ")
if step == "quarantine":
    segment_lander.refuse = dying(segment_lander.refuse, moment == "after")
elif step == "commit":
    Shard.append = dying(Shard.append, moment == "after")
elif step == "drop":
    Path.unlink = dying(Path.unlink, moment == "after")
lake = Lake()
lander.land_journals(lake, Catalog(lake), home.journal_root())
"""


def lander(where: str = "never") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _LAND, where], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def write_segments(world: World, writers: list[tuple[str, str]], segments: int = 3) -> int:
    """Closed segments as a collector leaves them: of each writer two good events and a bad one in each."""
    folder = home.journal_root() / "0"
    folder.mkdir(parents=True)
    for number in range(1, segments + 1):
        records = []
        for tenant, source in writers:
            events = [event(0, messageId=f"{tenant} {number} {n}") for n in range(2)] + [event(9, type="bad")]
            body = json.dumps({"batch": events}).encode()
            received = 1_772_359_300_000_000 + number
            records.append(frame(Message(received, tenant, source, "batch", body).to_bytes()))
        (folder / f"writer-{number:08d}.log").write_bytes(b"".join(records))
    return 2 * segments * len(writers)


@pytest.mark.parametrize(
    "where", [f"{moment} {step}" for step in ("quarantine", "commit", "drop") for moment in ("before", "after")]
)
def test_a_lander_killed_between_any_two_steps_is_completed_by_the_next(own_world: World, where: str) -> None:
    own_world.catalog.add_shard("second")
    own_world.catalog.add_tenant("far", "second")
    own_world.catalog.add_tenant("other")
    tenants = ("acme", "far", "other")
    count = write_segments(own_world, [(tenant, f"src_{tenant}") for tenant in tenants])
    process = lander(where)
    assert process.wait(timeout=120) == -signal.SIGKILL
    assert closed_segments(home.journal_root() / "0")
    own_world.land()
    again = own_world.land()
    assert (again.segments, again.accepted, again.quarantined) == (0, 0, 0)
    accepted, refused = [], []
    for shard in ("pool", "second"):
        with own_world.lake.duck() as duck:
            for address, into in (("bronze/product/events", accepted), ("bronze/quarantine", refused)):
                table = own_world.lake.shard(shard).scan(address)
                into += duck.execute(f"SELECT tenant_id, source_id, file, line FROM {table}").fetchall()
    assert len(accepted) == len(set(accepted)) == count
    assert len(refused) == len(set(refused)) == count // 2
    assert all(source == f"src_{tenant}" for tenant, source, *_ in accepted + refused)
    assert not list(home.journal_root().glob("*/*.log"))


def test_two_landers_at_once_land_each_event_once(own_world: World) -> None:
    count = write_segments(own_world, [("acme", "src_acme")], segments=6)
    landers = [lander() for _ in range(3)]
    assert [each.wait(timeout=120) for each in landers] == [0, 0, 0]
    own_world.land()
    rows = own_world.bronze(None, "file, line")
    assert len(rows) == len({tuple(row.values()) for row in rows}) == count


def test_landers_that_share_no_lock_meet_at_the_commit(own_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hosts with one copy of a journal: the position in Delta is all they share."""
    count = write_segments(own_world, [("acme", "src_acme")], segments=4)
    copy = home.journal_root().parent / "copy" / "0"
    copy.mkdir(parents=True)
    for *_, path in closed_segments(home.journal_root() / "0"):
        (copy / path.name).write_bytes(path.read_bytes())

    def land(root: Path) -> None:
        lake = Lake()
        land_journals(lake, Catalog(lake), root)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(land, (home.journal_root(), copy.parent)))
    assert len(own_world.bronze(None, "file, line")) == count


def test_damage_costs_what_it_struck_and_the_file_is_kept_for_a_person(own_world: World) -> None:
    write_segments(own_world, [("acme", "src_acme")], segments=1)
    path = home.journal_root() / "0" / "writer-00000001.log"
    behind = frame(Message(1_772_359_300_000_009, "acme", "s", "track", b'{"event":"x","userId":"u"}').to_bytes())
    content = bytearray(path.read_bytes() + behind)
    content[40] ^= 1
    path.write_bytes(content)
    report = own_world.land()
    assert (report.accepted, list(report.kept)) == (1, [str(path.with_suffix(".kept"))])
    assert "damaged" in report.kept[str(path.with_suffix(".kept"))]
    assert own_world.land().segments == 0


def test_events_of_a_tenant_that_the_catalog_lacks_wait_until_it_knows_them_and_the_others_land(
    own_world: World,
) -> None:
    write_segments(own_world, [("acme", "src_acme"), ("nobody", "src_x")], segments=1)
    report = own_world.land()
    assert report.accepted == 2 and ["nobody" in why for why in report.kept.values()] == [True]
    assert not list(home.journal_root().glob("*/*.log"))
    # Too early: it waits again, and nothing is there twice.
    for _ in range(2):
        assert retry(home.journal_root()) == (1, 1)
        assert own_world.land().accepted == 0
    own_world.catalog.add_tenant("nobody")
    assert retry(home.journal_root()) == (1, 1)
    assert own_world.land().accepted == 2
    assert retry(home.journal_root()) == (0, 0)
    with own_world.lake.duck() as duck:
        usage = own_world.lake.shard("pool").scan("bronze/collector/usage")
        metered = duck.execute(f"SELECT tenant_id, sum(requests) FROM {usage} GROUP BY 1 ORDER BY 1")
        assert metered.fetchall() == [("acme", 1), ("nobody", 1)]


def test_doctor_tells_of_what_waits_and_how_it_is_given_back(own_world: World) -> None:
    write_segments(own_world, [("nobody", "src_x")], segments=1)
    own_world.land()
    output = " ".join(tenure("doctor").output.split())
    assert ".waiting (1 requests)" in output and "tenure collector retry" in output
    assert "1 requests in 1 files" in tenure("collector", "retry").output
    assert "Nothing waits" in tenure("collector", "retry").output
    assert ".waiting" not in tenure("doctor").output


def test_what_another_version_wrote_waits_and_what_is_behind_it_lands(own_world: World) -> None:
    write_segments(own_world, [("acme", "src_acme")], segments=2)
    first = home.journal_root() / "0" / "writer-00000001.log"
    strange = [
        Message(1, "acme", "hook_1", "hook:newsystem", b'{"id":null,"base64":false}\n{}').to_bytes(),
        Message(1, "acme", "hook_1", "hook:stripe", b'{"something":"else"}\n{}').to_bytes(),
        b'[2,"of tomorrow"]\n{}',
    ]
    first.write_bytes(b"".join(map(frame, strange)) + first.read_bytes())
    report = own_world.land()
    assert report.accepted == 4 and ["another version" in why for why in report.kept.values()] == [True]
    assert retry(home.journal_root()) == (1, 3)


def test_a_lake_that_is_not_mounted_lands_nothing_and_loses_nothing(
    own_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    count = write_segments(own_world, [("acme", "src_acme")])
    elsewhere = tmp_path / "mountpoint"
    elsewhere.mkdir()
    monkeypatch.setenv("TENURE_LAKE", str(elsewhere))
    with pytest.raises(TenureError, match="no catalog of tenants"):
        land_journals(Lake(), Catalog(Lake()), home.journal_root())
    monkeypatch.delenv("TENURE_LAKE")
    assert own_world.land().accepted == count


def test_a_journal_that_fails_costs_the_others_nothing_and_no_run(
    own_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    count = write_segments(own_world, [("acme", "src_acme")])
    folder = home.journal_root() / "0"
    folder.rename(folder.with_name("1"))
    (folder / "broken-00000001.log").mkdir(parents=True)
    land_collected(own_world.lake, logging.getLogger("a run"))
    assert "IsADirectoryError" in caplog.text
    assert len(own_world.bronze(None, "file, line")) == count


def test_a_refused_event_is_landed_by_a_replay_as_the_row_of_its_request(own_world: World) -> None:
    own_world.catalog.set_tenant("acme", event_time_floor="2026-03-02")
    folder = home.journal_root() / "0"
    folder.mkdir(parents=True)
    body = json.dumps({"batch": [event(1), event(2, timestamp="2026-03-03T00:00:00Z")], "sentAt": None}).encode()
    message = Message(1_772_700_000_000_000, "acme", "src_1", "batch", body)
    (folder / "writer-00000001.log").write_bytes(frame(message.to_bytes()))
    report = own_world.land()
    assert (report.accepted, report.reasons) == (1, {"before_floor": 1})
    own_world.catalog.set_tenant("acme", event_time_floor="")
    assert replay(own_world.lake, own_world.catalog, "acme").accepted == 1
    first, second = own_world.bronze("src_1")
    assert [(row["record_id"], row["line"]) for row in (first, second)] == [("m1", 1), ("m2", 2)]
    for name in ("batch_id", "file", "received_at", "source_id"):
        assert first[name] == second[name]
    assert first["original_timestamp"] == first["timestamp"]
