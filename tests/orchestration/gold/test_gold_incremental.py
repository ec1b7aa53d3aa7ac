"""Incremental gold equals a full refresh and the definitions, whatever arrives in whatever order.

Each random history is a tenant of its own, so one pass checks them all; a pass costs a handful of dbt runs.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from orchestration.gold.build import run_gold
from orchestration.gold.result import GoldResult
from orchestration.publish.publish import publish
from tests.support.oracle.marts import Tenant, expected, rounded
from tests.support.worlds.silver import SilverWorld, at
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.published.manifest import Manifest

START = date(2024, 1, 20)
PLAN = {"version": 1, "events": {"X": {"feature": "f"}, "Y": {"feature": "planned"}, "Z": {"ignore": True}}}
TABLES = [name for name, mart in gold_models.marts().items() if not mart.is_view and name != "trust"]


def random_step(world: SilverWorld, tenant: str, rng: random.Random, span: int) -> None:
    """One change: mostly new events, late ones included; now and then anything else that can move."""
    kind = rng.random()
    mine = [key for key in world.events if key[0] == tenant]
    day = START + timedelta(days=rng.randrange(span))
    if kind < 0.65 or not mine:
        message = f"{tenant}-{rng.getrandbits(60)}"
    elif kind < 0.75:
        message = rng.choice(mine)[1]
    elif kind < 0.8:
        del world.events[rng.choice(mine)]
        return
    elif kind < 0.9:
        created = at(str(START + timedelta(days=rng.randrange(-20, 60)))) if rng.random() < 0.7 else None
        known_from = f"{START + timedelta(days=rng.randrange(80))} {rng.choice(['00:00', '13:00'])}"
        valid_from = known_from if rng.random() < 0.5 else None
        seats = rng.choice([None, 0, 2, 5])
        world.account(tenant, rng.choice("abcd"), valid_from, created_at=created, licensed_seats=seats)
        return
    elif kind < 0.95:
        last = max(event["time"].date() for key, event in world.events.items() if key[0] == tenant)
        world.watermarks[tenant] = last + timedelta(days=rng.randrange(-3, 6))
        return
    else:
        world.user(tenant, rng.choice("uvwx"), account_id=rng.choice("abc"), name="N")
        return
    world.event(
        tenant,
        f"{day} {rng.randrange(24):02}:{rng.randrange(60):02}",
        user=rng.choice(["u", "v", "w", None]),
        anonymous=rng.choice(["x", "y"]),
        account=rng.choice(["a", "b", "c", "unresolved"]),
        feature=rng.choice("fffggh" + "ijklmnop" * (rng.random() < 0.1) + "-").replace("-", "") or None,
        qualifying=rng.random() < 0.85,
        internal=rng.random() < 0.05,
        message=message,
    )


def contents(connection: object, table: str) -> set[tuple[object, ...]]:
    """Rows of a table with ratios rounded."""
    names = ", ".join(f'"{column.name}"' for column in gold_models.marts()[table.split(".")[-1]].spec.columns)
    rows = connection.execute(f"select {names} from {table}").fetchall()  # type: ignore[attr-defined]
    return {tuple(rounded(value) if isinstance(value, float) else value for value in row) for row in rows}


def build(lake: Lake, **options: object) -> GoldResult:
    """Run gold and demand that nothing fails."""
    result = run_gold(lake, "pool", **options)  # type: ignore[arg-type]
    assert result.error is None, result.error
    red = {slug: verdict.failures for slug, verdict in result.verdicts.items() if not verdict.green}
    assert not red, red
    return result


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_random_batches_give_the_rows_of_a_full_refresh_and_of_the_definitions(
    tenure_home: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    lake = Lake()
    catalog = Catalog(lake)
    tenants = [f"t{number}" for number in range(24)]
    for tenant in tenants[:-4]:
        catalog.add_tenant(tenant, settings={"trend_min_events": 3})
    world = SilverWorld(lake, "pool")
    for batch in range(5):
        if batch == 2:
            for tenant in tenants[-4:]:
                catalog.add_tenant(tenant, settings={"trend_min_events": 3})
        if batch == 3:
            catalog.set_tenant("t0", trend_min_events=1)
            catalog.set_tenant("t1", tracking_plan=PLAN)
        present = [tenant for tenant in tenants[:-4] if batch == 0 or rng.random() < 0.6]
        present += tenants[-4:] if batch >= 2 else []
        for tenant in present:
            for _ in range(rng.choice([1, 1, 4, 30]) if batch else 25):
                random_step(world, tenant, rng, span=40 + 45 * batch)
        world.commit()
        result = build(lake)
        assert result.full is (batch == 0)
        publish(lake, "pool", result.verdicts)

    incremental = duck.connect(home.build_path("pool"), read_only=True)
    rows = {table: contents(incremental, f"marts.{table}") for table in TABLES}
    incremental.close()
    oracle = expected(
        Tenant(world, tenant, 1 if tenant == "t0" else 3, {"f", "planned"} if tenant == "t1" else ())
        for tenant in tenants
    )
    for table, wanted in oracle.items():
        assert rows[table] == wanted, difference(table, rows[table], wanted)

    served = duck.connect(Manifest.read(home.published_root()).all_file(home.published_root()), read_only=True)
    for table in TABLES:
        actual = contents(served, f"marts.{table}")
        assert actual == rows[table], difference(f"{table} in gold Delta", actual, rows[table])
    served.close()

    monkeypatch.setenv("TENURE_LAKE", lake.root)
    monkeypatch.setenv("TENURE_HOME", str(tenure_home.with_name("again")))
    build(lake)
    refreshed = duck.connect(home.build_path("pool"), read_only=True)
    for table in TABLES:
        actual = contents(refreshed, f"marts.{table}")
        assert actual == rows[table], difference(f"{table} after a full refresh", actual, rows[table])
    refreshed.close()


def difference(table: str, actual: set[tuple[object, ...]], wanted: set[tuple[object, ...]]) -> str:
    """What to look at when two sets of rows differ."""
    few = 5
    surplus, missing = sorted(actual - wanted, key=str), sorted(wanted - actual, key=str)
    return f"{table}: {len(surplus)} rows too many {surplus[:few]}, {len(missing)} missing {missing[:few]}"
