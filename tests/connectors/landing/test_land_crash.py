"""Landing under disorder: killed at any point, two at once, random bytes. Nothing is lost and nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.files.formats import Unreadable
from connectors.files.reading import read_rows
from connectors.landing.land import land
from tests.connectors.conftest import Drop, dump, event
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

pytestmark = pytest.mark.campaign

ROOT = Path(__file__).resolve().parents[3]
COUNT, BAD = 3_000, 30

_LAND = """
import os, sys
import connectors.landing.land
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard

connectors.landing.file_landing.CHUNK_ROWS = 200
stop, path, object = sys.argv[1], sys.argv[2], sys.argv[3]
calls = 0

def dying(function, after):
    # Dies before or after the step, the third time it is reached.
    def step(*arguments, **named):
        global calls
        calls += 1
        if calls == 3 and not after:
            os.kill(os.getpid(), 9)
        result = function(*arguments, **named)
        if calls == 3 and after:
            os.kill(os.getpid(), 9)
        return result
    return step

def bronze(function, after):
    # The step where it is about the table of events.
    dying_step = dying(function, after)
    def step(shard, table, *arguments, **named):
        is_bronze = getattr(table, "address", table) == "bronze/product/events"
        return (dying_step if is_bronze else function)(shard, table, *arguments, **named)
    return step

if stop == "before commit":
    Shard.append = bronze(Shard.append, False)
if stop == "after commit":
    Shard.append = bronze(Shard.append, True)
if stop == "after quarantine":
    connectors.landing.file_landing.refuse = dying(connectors.landing.file_landing.refuse, True)
if stop == "before landing row":
    calls = 2
    connectors.landing.file_landing.write_landing = dying(connectors.landing.file_landing.write_landing, False)
lake = Lake()
progress = lambda f: print(f.rows, flush=True)
connectors.landing.land.land(lake, Catalog(lake), "acme", object, [path], on_progress=progress)
"""


def _file(drop: Drop) -> Path:
    rows = [dump(event(n, messageId=f"m{n}")) for n in range(COUNT)]
    for n in range(BAD):
        rows.insert(n * 90 + 5, b"{broken %d" % n)
    return drop.file("rows.jsonl", b"\n".join(rows))


def _start(stop: str, path: Path, object: str = "events") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _LAND, stop, str(path), object]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE)


def _is_whole(drop: Drop) -> None:
    rows = drop.bronze(columns="record_id, line")
    assert len(rows) == COUNT and len({row["record_id"] for row in rows}) == COUNT
    lines = [refusal.line for refusal in drop.refusals()]
    assert len(lines) == BAD == len(set(lines))
    assert len(drop.table("bronze/landings")) == 1


@pytest.mark.parametrize("stop", ["before commit", "after commit", "after quarantine", "before landing row"])
def test_a_landing_killed_at_a_named_point_is_completed_by_landing_again(drop: Drop, stop: str) -> None:
    path = _file(drop)
    process = _start(stop, path)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    before = (
        len(drop.bronze(columns="line")) if drop.lake.shard("pool").version("bronze/product/events") is not None else 0
    )
    report = drop.land("events", path)
    assert (report.accepted, report.quarantined) == (COUNT - before, BAD)
    assert report.duplicate == before
    _is_whole(drop)
    assert drop.land("events", path).accepted == 0
    _is_whole(drop)


def test_a_landing_killed_in_mid_file_is_completed_by_landing_again(drop: Drop) -> None:
    path = _file(drop)
    process = _start("never", path)
    assert process.stdout is not None
    for _ in range(random.Random(7).randrange(2, 9)):
        process.stdout.readline()
    process.kill()
    process.communicate(timeout=60)
    report = drop.land("events", path)
    assert report.accepted + report.duplicate == COUNT and report.is_complete
    _is_whole(drop)


def test_two_landings_of_one_file_at_once_add_each_row_once(drop: Drop) -> None:
    path = _file(drop)
    processes = [_start("never", path) for _ in range(2)]
    for process in processes:
        process.communicate(timeout=240)
        assert process.returncode == 0
    rows = drop.bronze(columns="record_id")
    assert len(rows) == COUNT == len({row["record_id"] for row in rows})
    assert len(drop.table("bronze/landings")) == 1
    assert len(drop.refusals()) == BAD


def test_landings_of_overlapping_files_at_once_add_each_row_once(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.landing.file_landing.CHUNK_ROWS", 50)
    paths = [
        drop.file(f"{n}.jsonl", b"\n".join(dump(event(k)) for k in range(n * 100, n * 100 + 300))) for n in range(3)
    ]

    def one(path: Path) -> int:
        lake = Lake()
        return land(lake, Catalog(lake), "acme", "events", [path]).accepted

    with ThreadPoolExecutor(3) as pool:
        accepted = sum(pool.map(one, paths))
    assert accepted == 500 == len(drop.bronze(columns="line"))


def test_a_file_that_changes_while_it_is_read_does_not_claim_its_end(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.landing.file_landing.CHUNK_ROWS", 1)
    path = drop.file("rows.jsonl", b"\n".join(dump(event(n)) for n in range(3)))

    def grow(_: object) -> None:
        with path.open("ab") as file:
            file.write(b"\n")

    report = drop.land("events", path, on_progress=grow)
    assert not report.is_complete and report.accepted == 3
    assert drop.land("events", path).duplicate == 3


class _CutOff(Exception):
    pass


def _cut_off(report: object) -> None:
    raise _CutOff


@pytest.mark.parametrize("shared", [0, 2])
def test_a_resumed_file_counts_its_own_refused_rows_and_none_of_another_file_of_its_name(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, shared: int
) -> None:
    monkeypatch.setattr("connectors.landing.file_landing.CHUNK_ROWS", 4)
    (drop.folder / "other").mkdir()
    drop.land("events", drop.file("other/rows.jsonl", b"\n".join(b"{broken %d" % n for n in range(6))))
    # The first `shared` lines are broken as they are there; the row behind them is broken in a way of its own.
    own = [b"{broken %d" % n for n in range(shared)] + [b"{mine"] + [dump(event(n)) for n in range(6)]
    path = drop.file("rows.jsonl", b"\n".join(own))
    with pytest.raises(_CutOff):
        drop.land("events", path, on_progress=_cut_off)
    committed = len(drop.bronze(columns="line"))
    report = drop.land("events", path)
    assert 0 < committed < 4
    assert (report.accepted, report.duplicate, report.quarantined) == (6 - committed, committed, shared + 1)


_GOOD = dump(event(1))
_PIECES = st.one_of(
    st.binary(max_size=60).filter(lambda piece: b"\n" not in piece),
    st.sampled_from(
        [b"{", b'"', b"\x00", b"\xff\xfe", b"[]", b"null", b"1e999", b'{"type":"track"}', b'"\\ud800"', b"\r"]
    ),
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=8,
    ).map(dump),
    st.fixed_dictionaries(
        {},
        optional={
            name: st.one_of(
                st.none(), st.text(max_size=6), st.integers(), st.floats(), st.just("2024-01-01"), st.just({})
            )
            for name in ("type", "userId", "event", "timestamp", "sentAt", "context", "messageId", "properties")
        },
    ).map(lambda row: dump({**event(2), **row})),
)


def _survives(text: bytes) -> bool:
    return bool(text.strip())


@settings(max_examples=300)
@given(st.lists(_PIECES, max_size=6), st.sampled_from([".jsonl", ".csv"]), st.integers(40, 400))
def test_no_bytes_make_reading_fail_or_lose_a_neighbour(pieces: list[bytes], suffix: str, limit: int) -> None:
    import tempfile

    good = _GOOD if suffix == ".jsonl" else b"g1,g2"
    head = b"" if suffix == ".jsonl" else b"a,b\n"
    content = head + b"".join(good + b"\n" + piece + b"\n" for piece in pieces) + good + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{suffix}"
        path.write_bytes(content)
        try:
            rows = list(read_rows(path, limit=max(limit, len(_GOOD) + 1)))
        except Unreadable as error:
            # Random bytes may be a gzip or Parquet file, but only where the file begins with them.
            raise AssertionError(error) from error
    good_rows = sum(row.value is not None and row.raw.strip() == good for row in rows)
    assert good_rows >= len(pieces) + 1
    assert all(row.line <= row.last_line for row in rows)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_PIECES, min_size=1, max_size=30))
def test_whatever_the_bytes_every_row_is_accepted_duplicate_or_quarantined(drop: Drop, pieces: list[bytes]) -> None:
    content = b"\n".join([_GOOD, *pieces, dump(event(3))])
    report = drop.land("events", drop.file("fuzz.jsonl", content))
    assert report.is_complete
    assert report.accepted + report.duplicate + report.quarantined == sum(
        _survives(line) for line in content.split(b"\n")
    )
    record_ids = {row["record_id"] for row in drop.bronze(columns="record_id", order="1")}
    assert {"m1", "m3"} <= record_ids
