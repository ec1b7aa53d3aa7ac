"""Any crash: a seeded slice of the fault campaign (`make faults` runs it in full).

One process of its own runs it, because what it forks must not have opened anything.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from tests.conftest import ROOT, need
from tests.faults.plan import KINDS, WEIGHTS
from tests.faults.syscalls import why_not

pytestmark = pytest.mark.slow
SEED, COUNT = 20261125, 100
LEAST = {
    "kill at a named point": 12, "kill at random": 12, "kill after a time": 10, "killed twice": 10, "torn write": 10,
    "short write": 8, "full disk": 8, "failed rename": 6, "rival": 6, "conflict": 4, "compaction": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the slice noted: a line a fault."""
    reason = why_not()
    need("FAULTS", reason is None, reason or "")
    folder = tmp_path_factory.mktemp("faults")
    result = folder / "result.jsonl"
    command = [sys.executable, "-m", "tests.faults", "--seed", str(SEED), "--count", str(COUNT), "--every", "8"]
    command += ["--folder", str(folder / "world"), "--result", str(result)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(told.stdout)
    assert result.exists(), told.stdout + told.stderr
    return [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def faults(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "kind" in line]


def test_after_any_fault_the_old_state_or_the_new_is_served_and_the_next_run_mends_everything(
    faults: list[dict[str, Any]],
) -> None:
    wrong = {f"{one['number']} {one['stage']}, {one['kind']}, {one['point']}": one["problems"] for one in faults}
    assert not {name: told for name, told in wrong.items() if told}
    assert {one["served"] for one in faults} <= {"old", "new"}


def test_the_slice_holds_a_hundred_faults_that_happened_of_every_stage_and_kind(faults: list[dict[str, Any]]) -> None:
    fired = [one for one in faults if one["fired"]]
    assert len(fired) == len(faults) == COUNT
    assert Counter(one["stage"] for one in fired) == Counter(WEIGHTS) and sum(WEIGHTS.values()) == 100
    kinds = Counter(one["kind"] for one in fired)
    assert set(kinds) == set(KINDS)
    assert all(kinds[kind] >= least for kind, least in LEAST.items()), kinds
    assert sum(one["to_the_end"] for one in fired) >= 5


def test_both_states_are_seen_being_served(faults: list[dict[str, Any]]) -> None:
    assert {one["served"] for one in faults} == {"old", "new"}
