"""Upkeep: files are merged and deleted, no row and no kept publication changes, and nothing is computed again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.gold.build import run_gold
from orchestration.maintenance import kept_versions, maintain
from orchestration.publish.publish import publish
from orchestration.publish.retention import policy
from tests.support.lakes import land_rows, silver, whole
from transforms.runner import run_transforms
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import delta, duck
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.upkeep import compact
from warehouse_models.published.manifest import Manifest
from warehouse_models.specs import all_specs

RUNS = 8  # landings of a tenant: as many files as make a partition crowded
START = date(2026, 1, 1)
EVENTS = "select count(*) from marts.fct_events"


def day_of_events(tenant: str, number: int, count: int = 3) -> list[dict[str, Any]]:
    return [
        {
            "messageId": f"{tenant}-{number}-{i}",
            "type": "track",
            "event": "Opened",
            "userId": f"u{i}",
            "timestamp": f"{START + timedelta(days=number)}T1{i}:00:00Z",
            "context": {"groupId": "a"},
        }
        for i in range(count)
    ]


def contents(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    return {address: whole(lake, address) for address in all_specs()}


def files_of(lake: Lake, address: str) -> int:
    table = lake.shard("pool").table(address)
    return len(table.file_uris()) if table else 0


@dataclass
class Worked:
    """A lake after many small runs, its first publication, and the folder of its files."""

    lake: Lake
    folder: Path
    first: Manifest

    def more(self, number: int) -> None:
        for tenant in ("acme", "bolt"):
            land_rows(self.lake, tenant, "events", day_of_events(tenant, number), self.folder)

    def publish(self) -> Manifest:
        result = run_gold(self.lake, "pool")
        assert result.ok
        publish(self.lake, "pool", result.verdicts)
        manifest = Manifest.read(home.published_root())
        assert manifest is not None
        return manifest


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worked]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("TENURE_LAKE", raising=False)
        lake = Lake()
        for tenant in ("acme", "bolt"):
            Catalog(lake).add_tenant(tenant)
        made = Worked(lake, tmp_path_factory.mktemp("files"), Manifest.empty())
        for number in range(RUNS):
            made.more(number)
            if number in (3, RUNS - 1):
                run_transforms(lake, "pool")
            if number == 3:
                made.first = made.publish()
        yield made


def test_two_compactions_at_once_leave_each_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # deltalake's own compaction commits both: it put every row there twice (found by the fault campaign).
    monkeypatch.setenv("TENURE_HOME", str(tmp_path))
    lake, spec = Lake(), all_specs()["bronze/crm/accounts"]
    Catalog(lake).add_tenant("acme")
    for number in range(3):
        land_rows(lake, "acme", "accounts", [{"account_id": f"a{number}"}], tmp_path / "drop")
    rows, write = whole(lake, spec.address), delta.write

    def overtaken(*rewritten: Any, **how: Any) -> int:
        monkeypatch.setattr(delta, "write", write)
        assert compact(Lake().shard("pool"), spec, at_least=2) == (3, 1)
        return write(*rewritten, **how)

    monkeypatch.setattr(delta, "write", overtaken)
    assert compact(lake.shard("pool"), spec, at_least=2) == (0, 0), "the other one was first"
    assert whole(lake, spec.address) == rows and len(rows) == 3
    assert files_of(lake, spec.address) == 1


def test_compaction_merges_crowded_partitions_changes_no_row_and_is_no_news(worked: Worked) -> None:
    lake, before = worked.lake, contents(worked.lake)
    crowded = {address: files_of(lake, address) for address in ("bronze/product/events", "bronze/landings")}
    assert all(count >= RUNS for count in crowded.values()), crowded

    done = {table.address: table for table in maintain(lake, "pool")}

    for address, count in crowded.items():
        assert done[address].merged >= count - 1
        assert files_of(lake, address) == done[address].files < policy()["compact_from_files"]
    assert contents(lake) == before
    assert all(result.skipped for result in run_transforms(lake, "pool")), "a compaction is no new data"
    assert not any(table.merged or table.deleted for table in maintain(lake, "pool")), "twice changes nothing"


@pytest.mark.slow
def test_vacuum_spares_what_a_kept_publication_names_and_deletes_the_rest(
    worked: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = worked.lake
    worked.more(RUNS)
    run_transforms(lake, "pool")
    worked.more(RUNS + 1)
    run_transforms(lake, "pool")
    present = worked.publish()
    before = contents(lake)
    # A run that is still to come compares with what the last one consumed: that stays too.
    kept = kept_versions(lake, "pool")
    assert {"silver/product/events", "gold/dim_accounts"} <= set(kept)
    named = set(present.tables["pool"].items()) | set(worked.first.tables["pool"].items())
    named |= {item for publication in worked.first.tenants.values() for item in publication.silver.items()}
    assert all(version in kept[address] for address, version in named)

    age_files(lake)
    deleted = {table.address: table.deleted for table in maintain(lake, "pool")}
    assert not any(deleted.values()), "the log calls them removed for less than vacuum_after_hours"

    monkeypatch.setitem(policy(), "vacuum_after_hours", 0)
    deleted = {table.address: table.deleted for table in maintain(lake, "pool")}
    assert deleted["silver/product/sessions"] > 0
    assert contents(lake) == before
    assert events_at(worked.first) == {"acme": 12, "bolt": 12}
    assert events_at(present) == {"acme": 3 * (RUNS + 2), "bolt": 3 * (RUNS + 2)}
    for manifest in (worked.first, present):
        assert rows_of_gold(lake, manifest) > 0
    worked.more(RUNS + 2)
    assert not all(result.skipped for result in run_transforms(lake, "pool"))
    after_small_run = contents(lake)
    run_transforms(lake, "pool", full_refresh=True)
    assert contents(lake) == after_small_run


def test_landings_go_on_while_tables_are_maintained_and_lose_nothing(worked: Worked) -> None:
    lake, failed, stop = worked.lake, [], threading.Event()

    def keep_maintaining() -> None:
        while not stop.is_set():
            try:
                maintain(lake, "pool")
            except Exception as error:
                failed.append(error)
                return

    upkeep = threading.Thread(target=keep_maintaining)
    upkeep.start()
    for number in range(100, 105):
        worked.more(number)
    stop.set()
    upkeep.join()
    assert not failed
    landed = [row[0] for row in silver(lake, "bronze/product/events", "record_id")]
    assert len(landed) == len(set(landed))
    assert {f"acme-{n}-{i}" for n in range(100, 105) for i in range(3)} <= set(landed)


def test_files_of_a_commit_that_is_being_written_stay(worked: Worked) -> None:
    folder = Path(worked.lake.shard("pool").table_uri("bronze/product/events"))
    partition = next(path for path in folder.iterdir() if path.name.startswith("landed_date="))
    young, old = partition / "part-young.parquet", partition / "part-killed.parquet"
    for path in (young, old):
        path.write_bytes(b"not committed")
    os.utime(old, (time.time() - 3600 * (policy()["vacuum_after_hours"] + 1),) * 2)
    maintain(worked.lake, "pool")
    assert young.exists(), "its commit may be on the way"
    assert not old.exists(), "a killed writer's file is nobody's"


def age_files(lake: Lake) -> None:
    """Make every data file a year old, so that only its being named protects it."""
    for path in Path(lake.shard("pool").uri).rglob("*.parquet"):
        if "_delta_log" not in path.parts:
            os.utime(path, (time.time() - 365 * 86400,) * 2)


def events_at(manifest: Manifest) -> dict[str, int]:
    counts = {}
    for slug in manifest.tenants:
        connection = duck.connect(manifest.file_of(home.published_root(), slug), read_only=True)
        counts[slug] = connection.execute(EVENTS).fetchall()[0][0]
        connection.close()
    return counts


def rows_of_gold(lake: Lake, manifest: Manifest) -> int:
    """Rows of every gold table at the manifest's versions: an error if a file is gone."""
    total = 0
    for name, mart in gold_models.marts().items():
        if not mart.is_view:
            table = lake.shard("pool").scan(mart.spec, manifest.tables["pool"][f"gold/{name}"])
            # Reads the columns, not only the counts that the log holds.
            rows = lake.duck().execute(f"SELECT * FROM {table}").fetchall()
            total += len(rows)
    return total
