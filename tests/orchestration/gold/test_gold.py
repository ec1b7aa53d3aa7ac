"""A run of gold: what it rebuilds, what it leaves alone, when it starts anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.gold import plan as gold_plan
from orchestration.gold.build import run_gold
from orchestration.locks import shard_lock
from tests.support.worlds.silver import SilverWorld, at
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake


@pytest.mark.slow
def test_new_data_rebuilds_its_days_and_nothing_before_them(tenure_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake()
    catalog = Catalog(lake)
    for tenant in ("acme", "bolt"):
        catalog.add_tenant(tenant)
    world = SilverWorld(lake, "pool")
    for tenant in ("acme", "bolt"):
        for day in ("2024-01-01", "2024-03-31", "2024-06-30"):
            world.event(tenant, f"{day} 10:00", user="u", account="a", feature="f")
    # An account that exists from the beginning and is heard of at the end only.
    world.account("bolt", "b", created_at=at("2024-01-01"))
    world.event("bolt", "2024-06-30 12:00", user="w", account="b")
    world.commit()
    first = run_gold(lake, "pool")
    assert first.full and first.reason == "first run"
    assert {name for name, v in first.verdicts.items() if v.green} == {"acme", "bolt"}

    # A mark on every row: what is still marked afterwards was not touched.
    def mark() -> None:
        connection = duck.connect(home.build_path("pool"))
        for table in ("fct_account_engagement_daily", "fct_product_engagement_daily", "fct_product_engagement_weekly"):
            connection.execute(f"update marts.{table} set events = events + 1000000")
        connection.close()

    def unmarked(table: str, column: str) -> list[tuple[str, str, str]]:
        connection = duck.connect(home.build_path("pool"))
        rows = connection.execute(
            f"select tenant_id, min({column})::text, max({column})::text from marts.{table} "
            "where events < 1000000 group by 1 order by 1"
        ).fetchall()
        connection.close()
        return rows

    mark()
    world.event("acme", "2024-07-01 10:00", user="u", account="a", feature="f")
    world.commit()
    second = run_gold(lake, "pool")
    assert not second.full and second.tenants == ("acme", "bolt"), "bolt waits for its first publication"
    assert unmarked("fct_account_engagement_daily", "date") == [("acme", "2024-07-01", "2024-07-01")]
    assert unmarked("fct_product_engagement_weekly", "week_start") == [("acme", "2024-07-01", "2024-07-01")]

    mark()
    for tenant, account, feature in (("acme", "a", "f"), ("bolt", "b", None)):
        world.event(tenant, "2024-02-10 10:00", user="w", account=account, feature=feature)
    world.commit()
    run_gold(lake, "pool")
    assert unmarked("fct_account_engagement_daily", "date") == [
        ("acme", "2024-02-10", "2024-04-05"),  # 56 days
        ("bolt", "2024-02-10", "2024-06-29"),  # has_event_data up to the account's former first event
    ]
    weeks = unmarked("fct_product_engagement_weekly", "week_start")
    assert weeks == [("acme", "2024-02-05", "2024-02-05"), ("bolt", "2024-02-05", "2024-02-05")]

    # A changed definition starts anew by itself, and so does a lost trail.
    monkeypatch.setattr(gold_plan, "definition", lambda: "another")
    third = run_gold(lake, "pool")
    assert third.full and third.reason == "definition changed"
    assert len(unmarked("fct_account_engagement_daily", "date")) == 2


def test_two_runs_of_one_shard_do_not_meet(tenure_home: Path) -> None:
    with (
        shard_lock("pool", "the first"),
        pytest.raises(TenureError, match="the first"),
        shard_lock("pool", "the second", patience=0.1),
    ):
        pass
