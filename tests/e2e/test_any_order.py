"""Any order, any batches: every silver and every gold table equals one full refresh, and METRICS in plain Python.

A failure names tenants `h<seed>`: `tests.support.histories.events.history(seed)` is what was told of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.support.any_order import BATCHES, World, difference

HISTORIES = 200
# Landing a file costs more than all else, so a few tenants stand for `tenure land`.
BY_FILE = 4


# A seed has nothing to shrink, and a try costs a minute: the histories are many, not the tries.
@pytest.mark.slow
@settings(max_examples=1, phases=(Phase.explicit, Phase.reuse, Phase.generate), suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_any_landing_order_gives_the_full_refresh_and_the_oracle(tmp_path_factory: Any, seed: int) -> None:
    # hypothesis begins with the smallest example, which would be the same two hundred histories for ever.
    assume(seed > 0)
    folder: Path = tmp_path_factory.mktemp("any_order")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(folder / "tenure"))
        world = World.of(range(seed, seed + HISTORIES))
        for batch in range(BATCHES):
            world.land(batch, folder / "drop", BY_FILE)
            assert world.run_silver()
            assert world.run_gold()
        lower, upper = world.expected()
        assert difference(world.silver(), lower) == [], "silver differs from METRICS"
        assert difference(world.gold(), upper) == [], "gold differs from METRICS"

        assert not world.run_silver(), "a run without news changes nothing"
        before_silver, before_gold = world.silver_versions(), world.gold()
        assert world.run_silver(full_refresh=True)
        assert world.silver_moved(before_silver) == [], "silver: step by step differs from a full refresh"
        world.run_gold(full_refresh=True)
        assert difference(before_gold, world.gold()) == [], "gold: step by step differs from a full refresh"
