"""A shard's tables: rows that are appended once whoever else writes, and addresses with an apostrophe."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse_models.errors import TenureError
from warehouse_models.lake import shard as shard_module
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard
from warehouse_models.lake.trail import landing_trail
from warehouse_models.specs import spec

TABLE = spec("bronze/landings")
LOST = TenureError("landing", "other writers keep winning the commit", "run it again")
TRAIL = landing_trail("b", [], [])


def rows_of(batches: Iterable[str]) -> pa.Table:
    shared = {"tenant_id": "a", "object": "events", "landed_at": 0}
    return TABLE.arrow([(batch,) for batch in batches], ["batch_id"], shared)


def batches(shard: Shard, version: int | None = None) -> list[str]:
    with Lake().duck() as duck:
        return sorted(row[0] for row in duck.execute(f"SELECT batch_id FROM {shard.scan(TABLE, version)}").fetchall())


@pytest.fixture
def pool(tmp_path: Path) -> Shard:
    return Lake(str(tmp_path)).shard("pool")


class Rival:
    """Commits rows of its own, by `marker`, at each of the first `wins` looks of somebody else."""

    def __init__(self, pool: Shard, wins: int, marker: str = "writers", own: str | None = None) -> None:
        self.pool, self.wins, self.marker, self.own, self.looks = pool, wins, marker, own, 0

    def make_rows(self, target: DeltaTable) -> pa.Table | None:
        assert target.version() == self.pool.version(TABLE), "each look is at the newest version"
        there = batches(self.pool, target.version())
        if self.looks < self.wins:
            marks = {self.marker: (target.transaction_version(self.marker) or 0) + 1}
            rows = rows_of([self.own or f"rival {self.looks}"])
            self.pool.append(TABLE, rows, trail=TRAIL, transactions=marks)
        self.looks += 1
        return None if "ours" in there else rows_of(["ours"])


def append_once(pool: Shard, rival: Rival, markers: dict[str, int | None] | None = None) -> pa.Table | None:
    return pool.append_once(TABLE, rival.make_rows, markers=markers or {"writers": None}, trail=TRAIL, lost=LOST)


@pytest.mark.parametrize("wins", [0, 1, 3])
def test_whoever_loses_a_commit_looks_again_and_then_appends_once(pool: Shard, wins: int) -> None:
    rival = Rival(pool, wins)
    assert append_once(pool, rival) == rows_of(["ours"])
    assert rival.looks == wins + 1
    assert batches(pool) == ["ours", *(f"rival {number}" for number in range(wins))]


def test_what_the_rival_wrote_is_not_written_again(pool: Shard) -> None:
    rival = Rival(pool, 1, own="ours")
    assert append_once(pool, rival) is None
    assert rival.looks == 2 and batches(pool) == ["ours"]


def test_whoever_loses_every_time_says_so_and_has_written_nothing(pool: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_module, "ATTEMPTS", 3)
    rival = Rival(pool, 10)
    with pytest.raises(TenureError) as raised:
        append_once(pool, rival)
    assert raised.value is LOST and rival.looks == 3 and "ours" not in batches(pool)


def test_writers_of_different_markers_do_not_meet(pool: Shard) -> None:
    rival = Rival(pool, 1, marker="others")
    append_once(pool, rival)
    assert rival.looks == 1 and batches(pool) == ["ours", "rival 0"]


def test_no_rows_are_no_commit_and_rows_carry_their_markers_and_their_trail(pool: Shard) -> None:
    pool.create(TABLE)
    for nothing in (None, rows_of([])):
        made = pool.append_once(TABLE, lambda _: nothing, markers={"app": 7}, trail=TRAIL, lost=LOST)  # noqa: B023
        assert made is nothing and pool.version(TABLE) == 0
    for _ in range(2):
        pool.append_once(
            TABLE,
            lambda _: rows_of(["x"]),
            markers={"app": 7, "writers": None},
            trail=lambda rows: landing_trail("b", [], sorted(set(rows.column("tenant_id").to_pylist()))),
            lost=LOST,
        )
    table = pool.table(TABLE)
    assert table is not None
    assert (table.transaction_version("app"), table.transaction_version("writers")) == (7, 2)
    assert set(pool.trail(TABLE, 0).slices) == {"a"}


def test_the_first_look_is_at_a_version_that_is_open_already(pool: Shard) -> None:
    opened = pool.create(TABLE)
    looked: list[Any] = []

    def make_rows(target: DeltaTable) -> pa.Table:
        looked.append(target)
        return rows_of(["ours"])

    pool.append_once(TABLE, make_rows, markers={"writers": None}, trail=TRAIL, lost=LOST, at=opened)
    assert looked == [opened] and opened.version() == 1, "and is the newest afterwards"


@settings(max_examples=8, deadline=None)
@given(st.lists(st.frozensets(st.sampled_from("abcdef"), min_size=1), min_size=2, max_size=4))
def test_however_many_append_at_once_each_row_is_there_once(wanted: list[frozenset[str]]) -> None:
    with TemporaryDirectory() as folder:

        def append(names: frozenset[str]) -> int:
            pool = Lake(folder).shard("pool")

            def make_rows(target: DeltaTable) -> pa.Table:
                return rows_of(sorted(names - set(batches(pool, target.version()))))

            made = pool.append_once(TABLE, make_rows, markers={"writers": None}, trail=TRAIL, lost=LOST)
            return 0 if made is None else int(made.num_rows)

        with ThreadPoolExecutor(len(wanted)) as threads:
            added = sum(threads.map(append, wanted))
        assert batches(Lake(folder).shard("pool")) == sorted(frozenset().union(*wanted))
        assert added == len(frozenset().union(*wanted)), "and each was told to one of them"


def test_an_address_with_an_apostrophe_is_scanned_pinned_and_unpinned(tmp_path: Path) -> None:
    pool = Lake(str(tmp_path / "O'Neill's 'lake'")).shard("pool")
    first = pool.append(TABLE, rows_of(["one"]), trail=TRAIL)
    pool.append(TABLE, rows_of(["two"]), trail=TRAIL)
    assert batches(pool, first) == ["one"]
    assert batches(pool) == ["one", "two"]
