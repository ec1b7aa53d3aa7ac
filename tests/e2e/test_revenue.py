"""Random billing histories: after every batch every revenue mart is what METRICS §2 in plain Python says.

A failure names tenants `h<seed>`: `tests.support.histories.revenue.billing_history(seed)` is what was told of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import isclose
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.support.any_order import BATCHES, Tables, World, difference
from tests.support.histories.revenue import billing_history
from tests.support.oracle.billing import Records
from tests.support.oracle.bridges import MARTS as BRIDGES
from tests.support.oracle.bridges import bridges
from tests.support.oracle.revenue import MARTS, Revenue
from warehouse_models.dbt import marts as gold_models

HISTORIES = 60
# Landing a file costs more than all else, so a few tenants stand for `tenure land`.
BY_FILE = 3


def expected(world: World, batches: int) -> Tables:
    """Every revenue mart by the oracle, of what the first `batches` batches brought."""
    tables: Tables = {mart: Counter() for mart in (*MARTS, *BRIDGES)}
    for tenant, one in world.histories.items():
        landed = (delivery for batch in one.batches[:batches] for delivery in batch)
        revenue = Revenue(tenant, Records.of(landed), one.settings)
        for mart, rows in (revenue.marts() | bridges(revenue)).items():
            tables[mart].update(rows)
    return tables


def revenue(world: World) -> Tables:
    """Every revenue mart as published."""
    return {mart: rows for mart, rows in world.gold().items() if mart in (*MARTS, *BRIDGES)}


def unexplained(tables: Tables) -> list[str]:
    """Where the cases of a bridge do not add up to the difference between its two ends."""
    gaps = []
    effects: dict[tuple[Any, ...], float] = defaultdict(float)
    for row in tables["fct_retention_bridge"]:
        effects[(*row[:3], row[3])] += row[-1] or 0.0
    rates = {(tenant, profile, month): (one, year) for tenant, profile, month, one, year in _nrr(tables)}
    for (tenant, profile, month), whole in rates.items():
        for place, look_back in enumerate((1, 12)):
            own = rates.get((tenant, "default", month), (None, None))[place]
            effect = effects.pop((tenant, profile, month, look_back), 0.0)
            if own is not None and whole[place] is not None:
                # Each of a few dozen effects is rounded to twelve digits.
                is_right = isclose(effect, whole[place] - own, rel_tol=1e-9, abs_tol=1e-9)
                gaps += [] if is_right else [f"{tenant} {profile} {month} nrr_{look_back}m: {effect}"]
            elif effect:
                gaps.append(f"{tenant} {profile} {month}: an effect on an NRR that is not there")
    gaps += [f"{case}: an effect on a month that is not there" for case, effect in effects.items() if effect]
    moved = Counter[tuple[Any, ...]]()
    for tenant, account, month, _, by_day, by_month, *_ in tables["fct_grain_bridge"]:
        moved[tenant, account, month] += by_day - by_month
    return gaps + [f"{case}: days and months differ by {left}" for case, left in moved.items() if left]


def _nrr(tables: Tables) -> Iterator[tuple[Any, ...]]:
    names = [column.name for column in gold_models.marts()["fct_revenue_monthly_profiles"].spec.columns]
    places = [names.index(name) for name in ("tenant_id", "profile", "month", "nrr_1m", "nrr_12m")]
    return (tuple(row[place] for place in places) for row in tables["fct_revenue_monthly_profiles"])


# A seed has nothing to shrink, and a try costs a minute: the histories are many, not the tries.
@pytest.mark.slow
@settings(max_examples=1, phases=(Phase.explicit, Phase.reuse, Phase.generate), suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_every_revenue_mart_says_what_the_definitions_say(tmp_path_factory: Any, seed: int) -> None:
    # hypothesis begins with the smallest example, which would be the same histories for ever.
    assume(seed > 0)
    folder: Path = tmp_path_factory.mktemp("revenue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(folder / "tenure"))
        world = World.of(range(seed, seed + HISTORIES), billing_history)
        for batch in range(BATCHES):
            world.land(batch, folder / "drop", BY_FILE)
            assert world.run_silver()
            assert world.run_gold()
            marts = revenue(world)
            assert difference(marts, expected(world, batch + 1)) == [], f"batch {batch} differs from METRICS"
            assert unexplained(marts) == []

        assert not world.run_silver(), "a run without news changes nothing"
        before = world.gold()
        assert world.run_silver(full_refresh=True)
        world.run_gold(full_refresh=True)
        assert difference(before, world.gold()) == [], "step by step differs from a full refresh"
