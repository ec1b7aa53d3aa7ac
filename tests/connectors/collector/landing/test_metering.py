"""Usage is metered as it was acknowledged, once, and stands in fct_usage_metering."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.collector.http.messages import Message
from connectors.collector.journal.frames import frame
from connectors.collector.landing.batch import SegmentBatch
from connectors.collector.landing.journals import land_journals
from connectors.collector.landing.usage import Usage
from tests.connectors.collector.landing.test_lander import lander
from tests.connectors.collector.landing.test_run import tenure
from tests.support.worlds.collector import World, event, start
from warehouse_models import home

HOUR = 3_600_000_000
NINE = int(datetime(2026, 3, 1, 9, tzinfo=UTC).timestamp() * 1_000_000)
USAGE = "bronze/collector/usage"


def message(at: int, size: int, tenant: str = "acme", source: str = "web") -> Message:
    return Message(at, tenant, source, "track", b"x" * size)


def landed_at(now: int) -> SegmentBatch:
    return SegmentBatch("collector:writer", 1, "f", "b", now)


def segment(number: int, messages: list[Message]) -> Path:
    folder = home.journal_root() / "0"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"writer-{number:08d}.log"
    path.write_bytes(b"".join(frame(message.to_bytes()) for message in messages))
    return path


def metered(world: World) -> list[tuple[Any, ...]]:
    """(tenant, hour, requests, events, bytes) of all of bronze."""
    with world.lake.duck() as duck:
        return duck.execute(
            "SELECT tenant_id, hour(hour AT TIME ZONE 'UTC'), sum(requests)::INT, sum(events)::INT, sum(bytes)::INT"
            f" FROM {world.lake.shard('pool').scan(USAGE)} GROUP BY ALL ORDER BY ALL"
        ).fetchall()


def test_a_request_counts_in_the_hour_of_its_receipt_with_its_events_and_its_bytes() -> None:
    usage = Usage()
    usage.count(message(NINE, 100), 1)
    usage.count(message(NINE + HOUR - 1, 50), 20)
    usage.count(message(NINE + HOUR, 7), 2)
    usage.count(message(NINE, 9, source="app"), 3)
    rows, trail = usage.rows({"acme"}, landed_at(NINE + 5 * HOUR))
    # By hand: the last microsecond of nine o'clock is nine o'clock; the next one is ten.
    hours = [
        (row["source_id"], row["hour"].hour, row["requests"], row["events"], row["bytes"]) for row in rows.to_pylist()
    ]
    assert hours == [("app", 9, 1, 3, 9), ("web", 9, 2, 21, 150), ("web", 10, 1, 2, 7)]
    assert trail["slices"] == {"acme": ["2026-03-01"]}


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 90 * HOUR), st.integers(0, 99))))
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost_or_doubled_between_hours_sources_and_tenants(
    sent: list[tuple[str, str, int, int]],
) -> None:
    usage = Usage()
    for tenant, source, at, events in sent:
        usage.count(message(NINE + at, events + 1, tenant, source), events)
    for tenant in "ab":
        rows, trail = usage.rows({tenant}, landed_at(NINE))
        own = [one for one in sent if one[0] == tenant]
        hours = rows.to_pylist()
        assert sum(row["requests"] for row in hours) == len(own)
        assert sum(row["events"] for row in hours) == sum(one[3] for one in own)
        assert sum(row["bytes"] for row in hours) == sum(one[3] + 1 for one in own)
        assert {f"{row['date']}" for row in hours} == set(trail["slices"].get(tenant, []))
        assert all(row["hour"] <= row["first_received_at"] <= row["last_received_at"] for row in hours)


def test_copies_and_refused_events_are_metered_because_they_were_sent(own_world: World) -> None:
    source, _ = own_world.source()
    body = json.dumps({"batch": [event(1), event(1), event(2, type="bad"), event(3)]}).encode()
    segment(1, [Message(NINE, "acme", source, "batch", body), Message(NINE + HOUR, "acme", source, "batch", body)])
    report = own_world.land()
    assert (report.requests, report.quarantined) == (2, 2)
    assert metered(own_world) == [("acme", 9, 1, 4, len(body)), ("acme", 10, 1, 4, len(body))]


def test_a_segment_that_is_replayed_meters_once(own_world: World, tmp_path: Path) -> None:
    source, _ = own_world.source()
    body = json.dumps(event(1)).encode()
    path = segment(1, [Message(NINE, "acme", source, "track", body)])
    copy = shutil.copy(path, tmp_path / "copy")
    own_world.land()
    for _ in range(2):
        shutil.copy(copy, path)
        own_world.land()
    assert metered(own_world) == [("acme", 9, 1, 1, len(body))]
    assert len(own_world.bronze(source)) == 1


@pytest.mark.parametrize("where", ["before commit", "after commit"])
def test_a_lander_that_is_killed_between_events_and_meter_meters_once(own_world: World, where: str) -> None:
    source, _ = own_world.source()
    bodies = [json.dumps(event(number)).encode() for number in range(2)]
    for number, body in enumerate(bodies, 1):
        segment(number, [Message(NINE, "acme", source, "track", body)])
    # Events of the first segment are its first commit, its usage is the second one.
    assert lander(where).wait() == -9
    land_journals(own_world.lake, own_world.catalog, home.journal_root())
    assert metered(own_world) == [("acme", 9, 2, 2, sum(map(len, bodies)))]
    assert len(own_world.bronze(source)) == 2


@pytest.mark.slow
def test_metered_usage_is_published_with_the_events_it_is_of(own_world: World, tmp_path: Path) -> None:
    source, key = own_world.source()
    own_world.collector = start(tmp_path)
    body = json.dumps({"batch": [event(n) for n in range(3)]}).encode()
    for _ in range(2):
        assert own_world.post("/v1/batch", body, key).status_code == 200
    own_world.collector.stop()
    result = tenure("run")
    assert result.exit_code == 0, result.output
    sql = (
        "SELECT source_id, sum(requests)::INT AS requests, sum(events)::INT AS events, sum(bytes)::INT AS bytes,"
        " bool_and(date = hour::DATE) AS dated FROM marts.fct_usage_metering GROUP BY 1"
    )
    answer = tenure("sql", sql, "--tenant", "acme", "--format", "json")
    expected = {"source_id": source, "requests": 2, "events": 6, "bytes": 2 * len(body), "dated": True}
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout) == [expected]
    # Copies alone change no event and are metered all the same.
    own_world.collector = start(tmp_path)
    assert own_world.post("/v1/batch", body, key).status_code == 200
    own_world.collector.stop()
    result = tenure("run")
    assert result.exit_code == 0, result.output
    answer = tenure("sql", sql, "--tenant", "acme", "--format", "json")
    assert json.loads(answer.stdout) == [expected | {"requests": 3, "events": 9, "bytes": 3 * len(body)}]
