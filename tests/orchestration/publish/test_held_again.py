"""When a held tenant is judged again, and on what: a hold must not end by chance, nor stay for want of news."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.gold import build as building
from orchestration.gold import due
from orchestration.gold.build import run_gold
from orchestration.gold.result import GoldResult
from orchestration.publish import publications
from orchestration.publish.held import held_tenants
from orchestration.publish.publish import publish
from tests.support.worlds.silver import SilverWorld
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.published.manifest import Manifest

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tenure_home: Path) -> Iterator[SilverWorld]:
    lake = Lake()
    world = SilverWorld(lake, "pool")
    for tenant in ("acme", "bolt"):
        Catalog(lake).add_tenant(tenant)
        for day in range(1, 4):
            world.event(tenant, f"2024-01-0{day} 10:00", user="u", account="a", feature="f")
    world.commit()
    yield world


def run(world: SilverWorld, **options: Any) -> GoldResult:
    result = run_gold(world.lake, "pool", **options)
    publish(world.lake, "pool", result.verdicts)
    return result


def held() -> dict[str, str]:
    """Held tenant → its sentence."""
    return {each.tenant: each.reason for each in held_tenants(Manifest.read(home.published_root()))}


def build(sql: str) -> None:
    connection = duck.connect(home.build_path("pool"))
    connection.execute(sql)
    connection.close()


def test_a_fault_in_old_days_holds_until_a_check_finds_it_gone(
    world: SilverWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(world)
    build("update marts.fct_feature_usage_daily set users = 9 where tenant_id = 'bolt' and date = '2024-01-02'")
    assert not run(world, full_audit=True).verdicts["bolt"].green
    assert set(held()) == {"bolt"}

    # News of another day do not touch the faulty one: whoever is held is looked at whole.
    world.event("bolt", "2024-01-20 10:00", user="u", account="a", feature="f")
    world.commit()
    assert not run(world).verdicts["bolt"].green

    # Nothing moved: nobody is judged. Other checks: the held one is, and nothing is built for it.
    build("update marts.fct_feature_usage_daily set users = 1 where tenant_id = 'bolt' and date = '2024-01-02'")
    assert run(world).skipped
    for module in (due, publications):
        monkeypatch.setattr(module, "checks_hash", lambda: "others")
    again = run(world)
    assert not again.models and set(again.verdicts) == {"bolt"}
    assert held() == {} and again.verdicts["bolt"].green


def test_a_shard_whose_checks_could_not_run_is_held_and_judged_again_without_news(
    world: SilverWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(building, "bronze_in", broken)
        result = run(world)
    assert result.error is not None and "the disk is gone" in result.error
    assert set(held()) == {"acme", "bolt"}
    for reason in held().values():
        assert reason.endswith(": the newest figures could not be computed; no figures have been published yet")
    (shard, _) = held_tenants(Manifest.read(home.published_root()))
    assert shard.named == "shard (the whole shard, 0 rows)" and "tenure run" in shard.next_step
    # Nothing moved since, but nothing was found against anybody either.
    again = run(world)
    assert not again.models and again.ok and held() == {}
