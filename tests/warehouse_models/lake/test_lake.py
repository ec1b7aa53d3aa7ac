"""The lake commits data, trail and markers together, and the trail tells what changed since a version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from warehouse_models.lake import trail
from warehouse_models.lake.lake import Lake
from warehouse_models.specs import spec

USAGE = spec("silver/product/usage_daily")
MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)


def usage(tenant: str, day: date, events: int) -> pa.Table:
    row: dict[str, Any] = {
        "tenant_id": tenant,
        "date": day,
        "account_id": "acme",
        "user_id": "u1",
        "events": events,
        "qualifying_events": events,
        "month": day.replace(day=1),
    }
    return pa.Table.from_pylist([row], schema=USAGE.arrow_schema)


def trail_of(slices: dict[str, frozenset[date] | None] | None) -> dict[str, Any]:
    return {"slices": trail.encode_slices(slices)}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "home"))
    return Lake(str(tmp_path / "lake"))


def rows(lake: Lake, version: int | None = None) -> list[tuple[Any, ...]]:
    scan = lake.shard("pool").scan(USAGE, version)
    return sorted(lake.duck().execute(f"SELECT tenant_id, date, events FROM {scan}").fetchall())


def test_writers_that_create_a_table_at_once_all_get_it(tmp_path: Path) -> None:
    # The second writer of version 0 got an error in 373 of 400 rounds, and a landing failed with it.
    for round_ in range(20):
        together = Barrier(4)

        def create(_: int, root: str = str(tmp_path / str(round_)), start: Barrier = together) -> int:
            start.wait()
            return Lake(root).shard("pool").create(USAGE).version()

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(create, range(4))) == [0, 0, 0, 0]


def test_replacing_a_slice_leaves_its_neighbours(lake: Lake) -> None:
    everything = pa.concat_tables([usage("a", MONDAY, 1), usage("a", TUESDAY, 2), usage("b", MONDAY, 3)])
    lake.shard("pool").replace(USAGE, everything, None, trail=trail_of(None))
    lake.shard("pool").replace(USAGE, usage("a", MONDAY, 9), {"a": frozenset({MONDAY})}, trail=trail_of({}))
    assert rows(lake) == [("a", MONDAY, 9), ("a", TUESDAY, 2), ("b", MONDAY, 3)]


def test_the_trail_unites_the_slices_of_later_commits(lake: Lake) -> None:
    first = lake.shard("pool").replace(USAGE, usage("a", MONDAY, 1), None, trail=trail_of(None))
    for tenant, day in (("a", TUESDAY), ("b", MONDAY)):
        slices: dict[str, frozenset[date] | None] = {tenant: frozenset({day})}
        lake.shard("pool").replace(USAGE, usage(tenant, day, 2), slices, trail=trail_of(slices))
    changes = lake.shard("pool").trail(USAGE, first)
    assert (changes.full, changes.slices) == (False, {"a": frozenset({TUESDAY}), "b": frozenset({MONDAY})})
    assert lake.shard("pool").trail(USAGE, changes.version).is_empty


def test_a_commit_without_a_trail_means_full_refresh(lake: Lake) -> None:
    first = lake.shard("pool").replace(USAGE, usage("a", MONDAY, 1), None, trail=trail_of(None))
    write_deltalake(lake.shard("pool").table_uri(USAGE), usage("a", TUESDAY, 2), mode="append")
    assert lake.shard("pool").trail(USAGE, first).full


def test_a_compaction_changes_no_data_and_is_skipped(lake: Lake) -> None:
    lake.shard("pool").replace(USAGE, usage("a", MONDAY, 1), None, trail=trail_of(None))
    for events in (2, 3):
        lake.shard("pool").append(USAGE, usage("a", MONDAY, events), trail=trail_of({"a": frozenset({MONDAY})}))
    version = lake.shard("pool").version(USAGE)
    DeltaTable(lake.shard("pool").table_uri(USAGE)).optimize.compact()
    assert lake.shard("pool").version(USAGE) != version, "the compaction committed"
    assert lake.shard("pool").trail(USAGE, version).is_empty


def test_a_version_ahead_of_the_table_means_full_refresh(lake: Lake) -> None:
    lake.shard("pool").replace(USAGE, usage("a", MONDAY, 1), None, trail=trail_of(None))
    assert lake.shard("pool").trail(USAGE, 99).full, "a table restored from a backup is read anew"


def test_data_and_marker_are_one_commit(lake: Lake) -> None:
    lake.shard("pool").replace(USAGE, usage("a", MONDAY, 1), None, trail=trail_of(None), transactions={"app": 7})
    table = lake.shard("pool").table(USAGE)
    assert table is not None and (table.transaction_version("app"), table.transaction_version("other")) == (7, None)


def test_an_absent_table_has_no_version_and_no_changes(lake: Lake) -> None:
    assert lake.shard("pool").version(USAGE) is None
    assert lake.shard("pool").trail(USAGE, None).is_empty
