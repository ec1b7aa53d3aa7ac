"""Random billing histories: after every batch every revenue mart is what METRICS §2 in plain Python says.

A failure names tenants `h<seed>`: `tests.revenue_histories.billing_history(seed)` is what was told of them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.e2e.any_order import BATCHES, Tables, World, difference
from tests.oracle.revenue import MARTS, Revenue
from tests.revenue_histories import billing_history

HISTORIES = 60
# Landing a file costs more than all else, so a few tenants stand for `tenure land`.
BY_FILE = 3


def expected(world: World, batches: int) -> Tables:
    """Every revenue mart by the oracle, of what the first `batches` batches brought."""
    found: Tables = {mart: Counter() for mart in MARTS}
    for tenant, one in world.told.items():
        landed = (told for batch in one.batches[:batches] for told in batch)
        for mart, rows in Revenue(tenant, landed, one.settings).marts().items():
            found[mart].update(rows)
    return found


def revenue(world: World) -> Tables:
    """Every revenue mart as published."""
    return {mart: rows for mart, rows in world.gold().items() if mart in MARTS}


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
            assert difference(revenue(world), expected(world, batch + 1)) == [], f"batch {batch} differs from METRICS"

        assert not world.run_silver(), "a run without news changes nothing"
        before = world.gold()
        assert world.run_silver(full_refresh=True)
        world.run_gold(full_refresh=True)
        assert difference(before, world.gold()) == [], "step by step differs from a full refresh"
