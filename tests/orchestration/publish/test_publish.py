"""Publishing: a red tenant keeps its last publication, its neighbour moves, a kill changes nothing, the past stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.audit.verdict import Failure, Verdict
from orchestration.gold.build import run_gold
from orchestration.gold.result import GoldResult
from orchestration.publish import publications
from orchestration.publish import publish as publishing
from orchestration.publish.files import write_all_file
from orchestration.publish.gold import GoldWriter
from orchestration.publish.publish import PublishResult, publish
from orchestration.publish.retention import kept, pinned_versions, prune
from orchestration.publish.state import ShardState
from tests.support.worlds.silver import SilverWorld
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.published.manifest import AllFile, Manifest
from warehouse_models.published.publication import Pins, Publication

pytestmark = pytest.mark.slow


@dataclass
class Shop:
    """A lake with two tenants in the pool and one in a shard of its own."""

    lake: Lake
    pool: SilverWorld
    own: SilverWorld

    def run(self, shard: str = "pool") -> tuple[GoldResult, PublishResult]:
        """Gold and publication of a shard."""
        result = run_gold(self.lake, shard)
        assert result.error is None, result.error
        return result, publish(self.lake, shard, result.verdicts)


@pytest.fixture
def shop(tenure_home: Path) -> Iterator[Shop]:
    lake = Lake()
    catalog = Catalog(lake)
    catalog.add_shard("own", "dedicated")
    for tenant, shard in (("acme", "pool"), ("bolt", "pool"), ("cord", "own")):
        catalog.add_tenant(tenant, shard)
    shop = Shop(lake, SilverWorld(lake, "pool"), SilverWorld(lake, "own"))
    for world, tenants in ((shop.pool, ("acme", "bolt")), (shop.own, ("cord",))):
        for tenant in tenants:
            for day in range(1, 6):
                world.event(tenant, f"2024-01-0{day} 10:00", user="u", account="a", feature="f")
        world.commit()
    yield shop


def present() -> Manifest:
    """The present manifest."""
    manifest = Manifest.read(home.published_root())
    assert manifest is not None
    return manifest


def ask(tenant: str | None, sql: str, manifest: Manifest | None = None) -> list[tuple[Any, ...]]:
    """Rows of a query on a tenant's published file, or on the file over all tenants."""
    manifest = manifest or present()
    root = home.published_root()
    path = manifest.file_of(root, tenant) if tenant else manifest.all_file(root)
    connection = duck.connect(path, read_only=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


LAST_DAY = "select max(date)::text from marts.fct_account_engagement_daily"
EVENTS = "select count(*) from marts.fct_events"
TRUST = "select published_version, is_held, held_reason, checks_failed, data_through::text from marts.trust"


def broken_row(tenant: str, day: date) -> dict[str, Any]:
    """A row of daily usage with more activity than events: impossible."""
    return {
        "tenant_id": tenant, "date": day, "account_id": "a", "user_id": "u", "feature": "g", "events": 1,
        "qualifying_events": 9, "month": day.replace(day=1),
    }  # fmt: skip


def test_a_red_tenant_keeps_its_last_publication_says_why_and_moves_when_mended(shop: Shop) -> None:
    _, first = shop.run()
    assert first.published == {"acme": 1, "bolt": 1}
    assert ask("bolt", TRUST) == [(1, False, None, 0, "2024-01-05")]
    before = present()

    # Bolt's newest day is impossible; acme's is fine.
    shop.pool.event("acme", "2024-01-06 10:00", user="u", account="a")
    shop.pool.event("bolt", "2024-01-06 10:00", user="u", account="a")
    shop.pool.extra_rows["silver/product/usage_daily"].append(broken_row("bolt", date(2024, 1, 6)))
    shop.pool.commit()
    result, second = shop.run()
    assert [result.verdicts[tenant].green for tenant in ("acme", "bolt")] == [True, False]
    assert second.published == {"acme": 2} and set(second.held) == {"bolt"}
    assert ask("acme", LAST_DAY) == [("2024-01-06",)]
    assert ask("acme", EVENTS) == [(6,)]
    assert ask("bolt", LAST_DAY) == [("2024-01-05",)], "old rows are still served"
    assert ask("bolt", EVENTS) == [(5,)], "its views still show the version that was audited"
    ((version, is_held, reason, failed, through),) = ask("bolt", TRUST)
    assert (version, is_held, through) == (2, True, "2024-01-05")
    assert failed >= 1 and "impossible" in reason
    last_days = "select tenant_id, max(date)::text from marts.fct_account_engagement_daily group by 1"
    assert sorted(ask(None, last_days)) == [("acme", "2024-01-06"), ("bolt", "2024-01-05")]
    assert sorted(ask(None, "select tenant_id, count(*) from marts.fct_events group by 1")) == [
        ("acme", 6),
        ("bolt", 5),
    ]
    assert sorted(ask(None, "select tenant_id, is_held from marts.trust")) == [("acme", False), ("bolt", True)]

    # Nothing new: nobody is looked at again, nothing is published, bolt stays held.
    number = present().number
    result, third = shop.run()
    assert result.skipped and not third.published and not third.held
    assert present().number == number

    # The neighbour moves on while bolt is still red.
    shop.pool.event("acme", "2024-01-07 10:00", user="u", account="a")
    shop.pool.commit()
    result, _ = shop.run()
    assert set(result.verdicts) == {"acme"}
    assert ask("acme", LAST_DAY) == [("2024-01-07",)] and ask("bolt", LAST_DAY) == [("2024-01-05",)]

    # More data does not hide the fault: all that was never published is audited again.
    shop.pool.event("bolt", "2024-01-08 10:00", user="u", account="a")
    shop.pool.commit()
    result, _ = shop.run()
    assert not result.verdicts["bolt"].green

    shop.pool.extra_rows.clear()
    shop.pool.commit()
    result, last = shop.run()
    assert result.verdicts["bolt"].green and set(last.published) == {"bolt"}
    assert ask("bolt", LAST_DAY) == [("2024-01-08",)] and ask("bolt", EVENTS) == [(7,)]
    assert ask("bolt", "select is_held, held_reason, checks_failed from marts.trust") == [(False, None, 0)]
    assert ask(None, EVENTS) == [(14,)]

    # The past gives its figures back.
    assert ask("bolt", EVENTS, before) == [(5,)] and ask("acme", EVENTS, before) == [(5,)]
    assert ask(None, LAST_DAY, before) == [("2024-01-05",)]


def test_days_before_a_first_event_that_turned_out_to_be_later_are_gone_for_everybody(shop: Shop) -> None:
    shop.pool.event("bolt", "2010-01-01 10:00", user="u", account="a", feature="old")
    shop.pool.commit()
    shop.run()
    old = "select count(*) from marts.fct_feature_usage_daily where feature = 'old'"
    assert ask("bolt", old) == ask(None, old) == [(1,)]
    (key,) = [key for key, event in shop.pool.events.items() if event["time"].year == 2010]
    del shop.pool.events[key]
    shop.pool.commit()
    shop.run()
    assert ask("bolt", old) == [(0,)]
    assert ask(None, old) == [(0,)], "gold Delta keeps no day that its tenant no longer has"


def test_a_patched_file_holds_the_same_rows_as_the_build_until_one_is_written_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run()
    monkeypatch.setattr(publications, "MOST_PATCHES", 1)
    steps = (
        (1, "2024-01-07 09:00", "g"),  # a day more, a new account, a new feature
        (0, "2024-01-08 09:00", "f"),  # patched often enough
        (1, "2024-01-02 11:00", "g"),  # the feature's first use moves
    )
    for patches, moment, feature in steps:
        shop.pool.event("acme", moment, user="v", account="b", feature=feature)
        shop.pool.commit()
        shop.run()
        assert present().tenants["acme"].patches == patches
        assert ask("acme", EVENTS) == ask(None, f"{EVENTS} where tenant_id = 'acme'")
        build = duck.connect(home.build_path("pool"), read_only=True)
        try:
            for name, mart in gold_models.marts().items():
                if not mart.is_view and name != "trust":
                    built = build.execute(
                        f"select * from marts.{name} where tenant_id = 'acme' order by all"
                    ).fetchall()
                    assert ask("acme", f"select * from marts.{name} order by all") == built, name
        finally:
            build.close()


def test_a_tenant_that_was_never_green_has_no_file_and_is_listed_as_held(shop: Shop) -> None:
    shop.pool.extra_rows["silver/product/usage_daily"].append(broken_row("bolt", date(2024, 1, 3)))
    shop.pool.commit()
    _, result = shop.run()
    assert result.published == {"acme": 1}
    publication = present().tenants["bolt"]
    assert publication.file is None and publication.is_held and publication.held_reason
    assert ask(None, EVENTS) == [(5,)], "nothing of it is visible to anybody"
    assert ask(None, "select tenant_id, published_version, is_held from marts.trust order by 1") == [
        ("acme", 1, False), ("bolt", 0, True),
    ]  # fmt: skip


def test_a_kill_before_the_swap_leaves_the_old_state_and_the_next_run_publishes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run()
    shop.pool.event("acme", "2024-01-06 10:00", user="u", account="a")
    shop.pool.commit()
    gold = run_gold(shop.lake, "pool")
    before = (home.published_root() / "manifest.json").read_text()
    for step in ("write_all_file", "swap"):
        with monkeypatch.context() as patch:
            patch.setattr(publishing, step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                publish(shop.lake, "pool", gold.verdicts)
        assert (home.published_root() / "manifest.json").read_text() == before
        assert ask("acme", LAST_DAY) == [("2024-01-05",)] and ask(None, LAST_DAY) == [("2024-01-05",)]
    # Nothing moved in silver since; what was built and never published is audited and published now.
    result, last = shop.run()
    assert result.models == [] and result.verdicts["acme"].green
    assert last.published == {"acme": 2}
    assert ask("acme", LAST_DAY) == [("2024-01-06",)] and ask(None, EVENTS) == [(11,)]


def test_shards_publish_into_one_manifest(shop: Shop) -> None:
    shop.run("pool")
    shop.run("own")
    manifest = present()
    assert set(manifest.tenants) == {"acme", "bolt", "cord"}
    assert set(manifest.tables) == {"own", "pool"}
    assert ask(None, "select count(distinct tenant_id) from marts.fct_product_engagement_daily") == [(3,)]
    assert ask(None, EVENTS) == [(15,)]
    assert ask("cord", EVENTS) == [(5,)]
    written = json.loads((home.published_root() / "manifest.json").read_text())
    assert {"manifest", "published_at", "tenants", "all", "tables"} == set(written)
    assert pinned_versions(home.published_root())["pool"]["silver/product/events"] == {1}


def test_a_model_error_holds_the_whole_shard(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shop.run()
    shop.pool.event("acme", "2024-01-06 10:00", user="u", account="a")
    shop.pool.event("bolt", "2024-01-06 10:00", user="u", account="a")
    shop.pool.commit()
    connection = duck.connect(home.build_path("pool"))
    connection.execute("alter table marts.fct_user_cohorts drop column users")
    connection.close()
    result = run_gold(shop.lake, "pool")
    assert result.error is not None and "fct_user_cohorts" in result.error
    publication = publish(shop.lake, "pool", result.verdicts)
    assert set(publication.held) == {"acme", "bolt"}
    assert ask("acme", LAST_DAY) == [("2024-01-05",)]
    # The marker did not move: once mended, the same work is done again.
    result = run_gold(shop.lake, "pool", full_refresh=True)
    assert result.error is None
    assert publish(shop.lake, "pool", result.verdicts).published == {"acme": 3, "bolt": 3}
    assert ask("acme", LAST_DAY) == [("2024-01-06",)]


def test_gold_keeps_held_rows_when_a_mart_gains_and_loses_a_column(
    tenure_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake()
    mart = gold_models.marts()["dim_features"]
    connection = duck.connect()
    connection.execute(
        "create schema marts; create table marts.dim_features as select * from (values ('acme', 'f'), "
        "('bolt', 'f')) as rows(tenant_id, feature), (select date '2024-01-01' as first_used_date, true as is_planned)"
    )
    gold = GoldWriter(ShardState(connection, lake, Pins("pool")))

    def publish_with(columns: list[str], tenant: str) -> None:
        spec = replace(mart.spec, columns=tuple(mart.spec.column(name) for name in columns))
        changed = replace(mart, spec=spec)
        monkeypatch.setattr(gold_models, "marts", lambda: {"dim_features": changed})
        gold._replace(changed, {tenant: None}, {tenant}, {})

    publish_with(["tenant_id", "feature", "is_planned"], "acme")
    publish_with(["tenant_id", "feature", "first_used_date"], "bolt")
    rows = lake.shard("pool").table(mart.spec).to_pyarrow_table().to_pylist()
    assert sorted(rows, key=lambda row: row["tenant_id"]) == [
        {"tenant_id": "acme", "feature": "f", "is_planned": True, "first_used_date": None},
        {"tenant_id": "bolt", "feature": "f", "is_planned": None, "first_used_date": date(2024, 1, 1)},
    ]
    # A shard that has not run since still serves the version without the column.
    path = tenure_home / "all.duckdb"
    write_all_file(path, lake, [Pins("pool", {"gold/dim_features": 1})], [])
    served = duck.connect(path, read_only=True)
    assert served.execute("select * from marts.dim_features").fetchall() == [("acme", "f", None)]
    served.close()


def manifests(*ages: float) -> list[Manifest]:
    """Manifests published so many days before 2024-06-01 12:00 UTC."""
    now = datetime(2024, 6, 1, 12, tzinfo=UTC)
    return [Manifest(n + 1, now - timedelta(days=age)) for n, age in enumerate(ages)]


def test_all_of_seven_days_are_kept_then_the_last_of_each_day_for_ninety() -> None:
    history = manifests(100, 91, 89.3, 89.2, 8.2, 8.1, 6.9, 6.8, 0.1, 0)
    now = datetime(2024, 6, 1, 12, tzinfo=UTC)
    assert [manifest.number for manifest in kept(history, now)] == [4, 6, 7, 8, 9, 10]
    assert [manifest.number for manifest in kept(manifests(200), now)] == [1], "the present one is always kept"


def test_pruning_removes_only_files_that_no_kept_manifest_names(tenure_home: Path) -> None:
    root = home.published_root()
    now = datetime(2024, 6, 1, 12, tzinfo=UTC)
    for number, age in ((1, 120), (2, 3), (3, 0)):
        # acme was published by 1 and 2, bolt by 1 alone.
        acme, bolt = min(number, 2), 1
        for name, version in (("acme", acme), ("bolt", bolt), ("_all", number)):
            (root / name).mkdir(parents=True, exist_ok=True)
            (root / name / f"{version}.duckdb").touch()
        tenants = {
            "acme": Publication(shard="pool", file=f"acme/{acme}.duckdb", version=acme),
            "bolt": Publication(shard="pool", file=f"bolt/{bolt}.duckdb", version=bolt),
        }
        everything = AllFile(f"_all/{number}.duckdb", number)
        Manifest(number, now - timedelta(days=age), tenants, everything).write(root)
    (root / "acme" / "3.duckdb").touch()  # a publication on its way
    assert prune(root, now) == 2
    left = sorted(str(path.relative_to(root)) for path in root.rglob("*.duckdb"))
    assert left == ["_all/2.duckdb", "_all/3.duckdb", "acme/2.duckdb", "acme/3.duckdb", "bolt/1.duckdb"]
    assert [manifest.number for manifest in Manifest.kept(root)] == [2, 3]


def test_a_verdict_about_an_unknown_tenant_is_ignored(shop: Shop) -> None:
    gold = run_gold(shop.lake, "pool")
    stranger = {"zeta": Verdict("zeta", (Failure("x", "y", 1),))}
    assert set(publish(shop.lake, "pool", {**gold.verdicts, **stranger}).published) == {"acme", "bolt"}
    assert "zeta" not in present().tenants
