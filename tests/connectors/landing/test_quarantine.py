"""The quarantine can be looked through, and what was refused lands again after a mend: once, and only what is right."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from connectors.landing.open_rows import Filter, QuarantinedRow, count_reasons, list_rows
from connectors.landing.replay import replay
from connectors.landing.report import ReplayReport
from tests.connectors.conftest import TENANT, Drop, dump, event
from warehouse_models.errors import TenureError
from warehouse_models.specs import spec

ROOT = Path(__file__).resolve().parents[3]
NOON = "2024-03-01T12:00:00Z"
OLD = event(5, messageId="old", timestamp="1999-06-01T00:00:00Z", receivedAt="1999-06-01T00:00:01Z")


def again(drop: Drop, only: Filter | None = None, **how: Any) -> ReplayReport:
    return replay(drop.lake, drop.catalog, TENANT, only, **how)


def listed(drop: Drop, **only: Any) -> list[QuarantinedRow]:
    return list_rows(drop.lake, drop.catalog.tenants(), Filter(**only))


def counts(report: ReplayReport) -> tuple[int, int, int, int]:
    return report.accepted, report.duplicate, report.refused, sum(report.kept.values())


def floor(drop: Drop, day: str) -> None:
    drop.catalog.set_tenant(TENANT, event_time_floor=day)


# -- list --------------------------------------------------------------------------------------------------------------


def test_refused_rows_are_found_by_object_file_reason_and_time_in_pages_and_counted(drop: Drop) -> None:
    drop.catalog.add_tenant("beta")
    drop.land_rows("events", "{a", OLD, "{b", name="a.jsonl")
    drop.land_rows("events", "{c", event(1), name="b.jsonl")
    drop.land_rows("accounts", {"name": "x"}, name="c.jsonl")
    assert [(row.file, row.line) for row in listed(drop)] == [
        ("c.jsonl", 1),
        ("a.jsonl", 1),
        ("a.jsonl", 2),
        ("a.jsonl", 3),
        ("b.jsonl", 1),
    ]
    assert [row.line for row in listed(drop, file="a.jsonl", reason="not_json")] == [1, 3]
    assert [row.file for row in listed(drop, object="accounts")] == ["c.jsonl"]
    assert listed(drop, since="2999-01-01") == [] and len(listed(drop, since="2024-01-01")) == 5
    with pytest.raises(TenureError, match="--since"):
        listed(drop, since="yesterday")
    pages = [list_rows(drop.lake, drop.catalog.tenants(), limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [row for page in pages for row in page] == listed(drop)
    reasons = count_reasons(drop.lake, drop.catalog.tenants())
    assert [(row["object"], row["reason"], row["rows"], row["files"]) for row in reasons] == [
        ("accounts", "no_key", 1, 1),
        ("events", "not_json", 3, 2),
        ("events", "before_floor", 1, 1),
    ]
    assert list_rows(drop.lake, [drop.catalog.tenant("beta")]) == []


def test_a_row_says_how_much_of_it_is_kept(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENURE_MAX_ROW_BYTES", "100000")
    drop.land_rows("events", "{a", b"\xff\x00", '{"x":"%s"}' % ("y" * 200_000))
    rows = listed(drop)
    assert [(row.is_whole, row.size, len(row.raw)) for row in rows] == [
        (True, 2, 2),
        (True, 2, 2),
        (False, 200_008, 65_536),
    ]
    assert rows[1].raw == b"\xff\x00"
    assert rows[2].as_dict()["is_whole"] is False and rows[2].as_dict()["bytes"] == 200_008


# -- replay ------------------------------------------------------------------------------------------------------------


def test_rows_that_a_mended_setting_accepts_land_once_and_leave_the_quarantine(drop: Drop) -> None:
    drop.land_rows("events", event(1), OLD, "{broken")
    assert counts(again(drop)) == (0, 0, 2, 0) and len(listed(drop)) == 2
    floor(drop, "1990-01-01")
    report = again(drop)
    assert (counts(report), report.reasons) == ((1, 0, 1, 0), {"not_json": 1})
    assert [row.line for row in listed(drop)] == [3]
    assert [(row.line, row.state) for row in listed(drop, settled=True)] == [(2, "accepted"), (3, "open")]
    rows = drop.bronze(columns="record_id, file, line, batch_id, landed_date, landed_at")
    assert [(row["record_id"], row["file"], row["line"]) for row in rows] == [
        ("m1", "rows.jsonl", 1),
        ("old", "rows.jsonl", 2),
    ]
    # A row of its landing, written later: silver reads it by the batch and the day it was written.
    assert rows[0]["batch_id"] == rows[1]["batch_id"] and rows[0]["landed_at"] < rows[1]["landed_at"]
    assert len(drop.table("bronze/quarantine")) == 2


def test_replaying_again_adds_nothing_and_writes_nothing(drop: Drop) -> None:
    drop.land_rows("events", OLD, "{broken")
    floor(drop, "1990-01-01")
    again(drop)
    before = {name: drop.lake.shard("pool").version(name) for name in ("bronze/product/events", "bronze/replays")}
    assert counts(again(drop)) == (0, 0, 1, 0)
    assert before == {name: drop.lake.shard("pool").version(name) for name in before}


def test_landing_the_file_again_after_a_replay_tells_the_row_as_known(drop: Drop) -> None:
    drop.land_rows("events", event(1), OLD, "{broken")
    floor(drop, "1990-01-01")
    again(drop)
    report = drop.land_rows("events", event(1), OLD, "{broken")
    assert (report.accepted, report.duplicate, report.quarantined) == (0, 2, 1) and len(drop.bronze()) == 2


def test_a_row_that_landed_by_another_file_meanwhile_is_settled_as_known(drop: Drop) -> None:
    drop.land_rows("events", OLD)
    floor(drop, "1990-01-01")
    drop.land_rows("events", event(2), OLD, name="other.jsonl")
    assert counts(again(drop)) == (0, 1, 0, 0)
    assert listed(drop) == [] and len(drop.bronze()) == 2


def test_what_is_refused_still_stays_with_its_newest_reason(drop: Drop) -> None:
    drop.land_rows("accounts", {"id": "a1", "created_at": "13/02/2024"})
    assert [row.code for row in listed(drop)] == ["no_key"]
    path = drop.file("map.yaml", "columns: {account_id: id}")
    report = again(drop, Filter(object="accounts"), mapping=path)
    assert (counts(report), report.reasons) == ((0, 0, 1, 0), {"not_iso_time": 1})
    assert [row.code for row in listed(drop)] == ["not_iso_time"]
    assert listed(drop, reason="no_key") == []


def test_rows_land_by_a_mended_map_and_are_not_tried_without_one(drop: Drop) -> None:
    rows = [{"id": "a1", "title": "x", "seats": 2.5}, {"id": "a2", "title": "y", "seats": 3}]
    wrong = drop.file("map.yaml", "columns: {account_id: id, name: title, licensed_seats: seats}\n")
    assert drop.land_rows("accounts", *rows, mapping=wrong, as_of="2024-02-01").quarantined == 1
    report = again(drop)
    assert counts(report) == (0, 0, 0, 1) and "map.yaml" in next(iter(report.kept))
    with pytest.raises(TenureError, match="--object"):
        again(drop, mapping=wrong)
    mended = drop.file("map.yaml", wrong.read_text() + "units: {licensed_seats: 2}\n")
    assert counts(again(drop, Filter(object="accounts"), mapping=mended)) == (1, 0, 0, 0)
    held = {row["record_id"]: row for row in drop.bronze("accounts")}
    assert json.loads(held["a1"]["payload"])["licensed_seats"] == "5"
    # Rows without a time of their own are true when their file was, not when they were replayed.
    assert held["a1"]["updated_at"] == held["a2"]["updated_at"]


def test_a_row_without_as_of_is_true_when_its_file_landed_not_when_it_was_replayed(drop: Drop) -> None:
    path = drop.file("map.yaml", "columns: {account_id: id}")
    drop.land_rows("accounts", {"account_id": "a1"}, {"id": "a2"})
    assert counts(again(drop, Filter(object="accounts"), mapping=path)) == (1, 0, 0, 0)
    first, second = drop.bronze("accounts")
    assert first["updated_at"] == second["updated_at"] < second["landed_at"]


def test_a_csv_row_is_read_again_under_the_header_of_its_file(drop: Drop) -> None:
    content = 'messageId,type,event,userId,timestamp,properties\nm1,track,"A ""b""",u1,1999-06-01,"{""a"":1}"\n,,\n'
    drop.land("events", drop.file("rows.csv", content + 'm2,track,"two\nlines",u1,1999-06-02,\n'))
    floor(drop, "1990-01-01")
    assert counts(again(drop)) == (2, 0, 1, 0)
    assert [(row["event"], row["properties"], row["line"]) for row in drop.bronze()] == [
        ('A "b"', '{"a":1}', 2),
        ("two\nlines", None, 4),
    ]


def test_rows_that_contradict_each_other_stay_and_one_that_comes_to_do_so_joins_them(drop: Drop) -> None:
    row = {"account_id": "a1", "updated_at": NOON}
    drop.land_rows("accounts", row | {"name": "A"}, row | {"name": "B"}, name="a.jsonl")
    report = again(drop)
    assert counts(report) == (0, 0, 0, 2) and "contradict" in next(iter(report.kept))
    drop.land_rows("accounts", {"id": "a2", "updated_at": NOON, "name": "C"}, name="b.jsonl")
    drop.land_rows("accounts", {"account_id": "a2", "updated_at": NOON, "name": "D"}, name="c.jsonl")
    path = drop.file("map.yaml", "columns: {account_id: id}")
    report = again(drop, Filter(object="accounts", file="b.jsonl"), mapping=path)
    assert (counts(report), report.reasons) == ((0, 0, 1, 0), {"conflict": 1})
    # As if it had landed rightly at once: both sides are in bronze, and in quarantine as a conflict.
    assert {(r.file, r.code) for r in listed(drop)} == {
        (name, "conflict") for name in ("a.jsonl", "b.jsonl", "c.jsonl")
    }
    assert len(drop.bronze("accounts")) == 4


# -- replay from a file ------------------------------------------------------------------------------------------------


def test_a_row_too_long_to_be_kept_lands_from_its_file_when_the_limit_is_raised(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENURE_MAX_ROW_BYTES", "100000")
    long = event(2, properties={"x": "y" * 200_000})
    path = drop.file("rows.jsonl", b"\n".join([dump(event(1)), dump(long), b"{broken"]))
    assert drop.land("events", path).quarantined == 2
    monkeypatch.delenv("TENURE_MAX_ROW_BYTES")
    report = again(drop)
    assert counts(report) == (0, 0, 1, 1) and "--from" in next(iter(report.kept))
    assert counts(again(drop, Filter(object="events"), corrected_by=path)) == (1, 0, 1, 0)
    assert [row["bytes"] for row in drop.bronze()] == [len(dump(event(1))), len(dump(long))]
    assert [row.line for row in listed(drop)] == [3]


def test_a_corrected_file_settles_its_lines_and_lands_nothing_else(drop: Drop) -> None:
    lines = [dump(event(1)), b"{broken", b"{worse", dump(event(4))]
    drop.land("events", drop.file("rows.jsonl", b"\n".join(lines)))
    mended = drop.file("mended.jsonl", b"\n".join([b"{now broken", dump(event(2)), b"{worse still", dump(event(9))]))
    report = again(drop, Filter(object="events", file="rows.jsonl"), corrected_by=mended)
    assert counts(report) == (1, 0, 1, 0)
    assert [(row["record_id"], row["file"], row["line"]) for row in drop.bronze()] == [
        ("m1", "rows.jsonl", 1),
        ("m2", "rows.jsonl", 2),
        ("m4", "rows.jsonl", 4),
    ]
    assert [row.line for row in listed(drop)] == [3]
    assert counts(again(drop, Filter(object="events", file="rows.jsonl"), corrected_by=mended)) == (0, 0, 1, 0)


def test_a_file_whose_lines_moved_settles_nothing(drop: Drop) -> None:
    drop.land("events", drop.file("rows.jsonl", b"\n".join([dump(event(1)), b"{broken", dump(event(3)), b"{last"])))
    mended = drop.file("mended.jsonl", b"\n".join([dump(event(1)), dump(event(3))]))
    report = again(drop, Filter(object="events", file="rows.jsonl"), corrected_by=mended)
    assert counts(report) == (0, 0, 0, 2) and len(listed(drop)) == 2 and len(drop.bronze()) == 2
    drop.land_rows("accounts", {"account_id": "a1", "created_at": "x"}, name="a.jsonl")
    other = drop.file("a.jsonl", json.dumps({"account_id": "a2"}))
    assert counts(again(drop, Filter(object="accounts"), corrected_by=other)) == (0, 0, 0, 1)
    assert drop.bronze("accounts") == []


def test_of_two_rows_refused_at_one_line_the_corrected_file_is_of_the_newest(drop: Drop) -> None:
    drop.land_rows("events", "{monday")
    drop.land_rows("events", "{tuesday")
    report = again(drop, Filter(object="events"), corrected_by=drop.file("rows.jsonl", dump(event(1))))
    assert counts(report) == (1, 0, 0, 1)
    assert [row.payload for row in listed(drop)] == ["{monday"]


def test_a_corrected_file_that_cannot_be_read_says_so_and_keeps_what_it_gave(drop: Drop) -> None:
    drop.land_rows("events", "{a", "{b")
    whole = gzip.compress(b"\n".join(dump(event(n)) for n in range(2)) + b"\n")
    path = drop.file("mended.gz", whole + b"garbage")
    report = again(drop, Filter(object="events", file="rows.jsonl"), corrected_by=path)
    assert counts(report)[0] == 2 and "gzip" in (report.error or "")


def test_rows_refused_before_it_was_kept_how_they_were_read_land_from_their_file(drop: Drop) -> None:
    path = drop.file("rows.jsonl", dump(OLD) + b"\n")
    drop.land("events", path)
    uri = drop.lake.shard("pool").table_uri("bronze/quarantine")
    rows = drop.table("bronze/quarantine", "* EXCLUDE (how)")
    # A table as it was made before: without the column.
    schema = pa.schema([field for field in spec("bronze/quarantine").arrow_schema if field.name != "how"])
    shutil.rmtree(uri)
    write_deltalake(uri, pa.Table.from_pylist(rows, schema=schema))
    floor(drop, "1990-01-01")
    assert counts(again(drop)) == (0, 0, 0, 1)
    assert counts(again(drop, Filter(object="events"), corrected_by=path)) == (1, 0, 0, 0)
    drop.land_rows("events", "{new", name="new.jsonl")
    assert counts(again(drop)) == (0, 0, 1, 0)


# -- crashes -----------------------------------------------------------------------------------------------------------

_REPLAY = """
import os, sys
import connectors.landing.replay
from connectors.landing.replay import replay
from connectors.landing.store import Store
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

connectors.landing.replay.CHUNK = 2
calls = 0

def dying(function):
    def step(*arguments, **named):
        global calls
        calls += 1
        if calls == 2:
            os.kill(os.getpid(), 9)
        return function(*arguments, **named)
    return step

if sys.argv[1] == "before bronze":
    Store.append_once = dying(Store.append_once)
if sys.argv[1] == "after bronze":
    Store.places = dying(Store.places)
if sys.argv[1] == "before the outcomes":
    connectors.landing.replay.spec = dying(connectors.landing.replay.spec)
lake = Lake()
replay(lake, Catalog(lake), "acme")
"""


@pytest.mark.parametrize("stop", ["before bronze", "after bronze", "before the outcomes"])
def test_a_replay_killed_half_way_and_run_again_ends_the_same(drop: Drop, stop: str) -> None:
    old = [
        event(n, messageId=f"o{n}", timestamp="1999-06-01T00:00:00Z", receivedAt="1999-06-01T00:00:01Z")
        for n in range(7)
    ]
    drop.land_rows("events", *old, "{broken", event(9))
    floor(drop, "1990-01-01")
    command = [sys.executable, "-c", _REPLAY, stop]
    process = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert 0 < len(listed(drop)) < 8
    again(drop)
    rows = drop.bronze(columns="record_id")
    assert len(rows) == len({row["record_id"] for row in rows}) == 8
    assert [(row.line, row.state) for row in listed(drop, settled=True)] == [
        *((line, "accepted") for line in range(1, 8)),
        (8, "open"),
    ]
    facts = drop.table("bronze/replays", "line", order="line")
    assert [fact["line"] for fact in facts] == list(range(1, 8))
