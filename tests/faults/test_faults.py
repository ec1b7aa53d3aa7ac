"""Any crash: a slice of the fault campaign, another one for each commit (`make faults` runs a thousand of one seed).

One process of its own runs it, because what it forks must not have opened anything. `pytest --fault-seed N` repeats it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from tests.conftest import ROOT, fault_seed, need
from tests.faults.plan import KINDS, WEIGHTS, kinds_of, slice_of
from tests.faults.stages import stages
from tests.faults.syscalls import why_not

pytestmark = pytest.mark.campaign
EVERY = 8


@pytest.fixture(scope="module")
def faults(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the slice noted: a line a fault."""
    reason = why_not()
    need("FAULTS", reason is None, reason or "")
    folder, seed = tmp_path_factory.mktemp("faults"), fault_seed(request.config)
    result = folder / "result.jsonl"
    command = [sys.executable, "-m", "tests.faults", "--seed", str(seed), "--slice", "--every", str(EVERY)]
    command += ["--folder", str(folder / "world"), "--result", str(result)]
    campaign = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(campaign.stdout)
    assert result.exists(), campaign.stdout + campaign.stderr
    return [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines()]


def test_after_any_fault_the_old_state_or_the_new_is_served_and_the_next_run_mends_everything(
    faults: list[dict[str, Any]],
) -> None:
    problems = {f"{one['number']} {one['stage']}, {one['kind']}, {one['point']}": one["problems"] for one in faults}
    assert not {name: texts for name, texts in problems.items() if texts}
    assert {one["served"] for one in faults} == {"old", "new"}


def test_every_fault_of_the_slice_happened(faults: list[dict[str, Any]], request: pytest.FixtureRequest) -> None:
    planned = slice_of(fault_seed(request.config), EVERY)
    assert [one for one in faults if not one["fired"]] == []
    assert [(one["stage"], one["kind"]) for one in faults] == [(one.stage, one.kind) for one in planned]
    assert sum(one["to_the_end"] for one in faults) >= 3


@pytest.mark.parametrize("seed", range(20))
def test_a_slice_of_any_seed_holds_every_stage_and_each_kind_twice(seed: int) -> None:
    planned = slice_of(seed, EVERY)
    assert {one.stage for one in planned} == set(WEIGHTS)
    times = Counter(one.kind for one in planned)
    assert set(times) == set(KINDS) and min(times.values()) >= 2
    assert all(one.kind in kinds_of(stages()[one.stage]) for one in planned)


def test_the_slices_of_many_seeds_hold_every_kind_at_every_stage() -> None:
    possible = {(name, kind) for name, stage in stages().items() for kind in kinds_of(stage)}
    assert {(one.stage, one.kind) for seed in range(500) for one in slice_of(seed, EVERY)} == possible
