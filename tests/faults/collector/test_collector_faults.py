"""The collector under each kind of fault, at other points for each commit (`make faults` injects a thousand).

Processes of their own run them, because what they fork must not have opened anything. `--fault-seed N` repeats it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, fault_seed, need
from tests.faults.collector.plan import ENDS, KINDS, SHAPES, slice_of
from tests.faults.syscalls import why_not

pytestmark = pytest.mark.campaign
EVERY, PROCESSES = 14, 2
_MEMORY = Path("/dev/shm")
Fault = dict[str, Any]


@pytest.fixture(scope="module")
def faults(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Fault]]:
    """What the slice noted: a line a fault."""
    reason = why_not()
    need("FAULTS", reason is None, reason or "")
    result = tmp_path_factory.mktemp("faults") / "result.jsonl"
    # In memory where there is some: what is lost with a disk is lost by the harness, so a real disk shows no more.
    folder = Path(tempfile.mkdtemp(prefix="tenure-faults-", dir=_MEMORY if _MEMORY.is_dir() else None))
    seed = str(fault_seed(request.config))
    command = [sys.executable, "-m", "tests.faults.collector", "--seed", seed, "--slice", "--every", str(EVERY)]
    command += ["--result", str(result)]
    running = [
        subprocess.Popen(
            [*command, "--folder", str(folder / str(n)), "--share", f"{n}/{PROCESSES}"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for n in range(1, PROCESSES + 1)
    ]  # fmt: skip
    outputs = [one.communicate()[0] for one in running]
    shutil.rmtree(folder)
    print(*outputs)
    assert result.exists(), outputs
    yield [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines()]


def test_after_any_fault_what_was_acknowledged_is_in_bronze_once_and_nothing_else(faults: list[Fault]) -> None:
    problems = {f"{one['number']} {one['kind']}, {one['shape']}, {one['point']}": one["problems"] for one in faults}
    assert not {name: texts for name, texts in problems.items() if texts}
    assert sum(one["acked"] for one in faults) > 30 * len(faults)


def test_every_kind_of_fault_happened_once(faults: list[Fault]) -> None:
    assert [one for one in faults if not one["fired"]] == []
    assert sorted(one["kind"] for one in faults) == sorted(KINDS)
    assert sum(one["to_silver"] for one in faults) == 2


def test_clients_sent_again_what_was_not_acknowledged(faults: list[Fault]) -> None:
    """Otherwise nothing was disturbed that anybody noticed."""
    struck = [one for one in faults if KINDS[one["kind"]].strikes == "collector" and one["ended"] == "killed"]
    assert len(struck) >= 4 and sum(one["sent_again"] > 0 for one in struck) > len(struck) // 2


@pytest.mark.parametrize("seed", range(20))
def test_a_slice_of_any_seed_meets_each_surrounding_thrice(seed: int) -> None:
    planned = slice_of(seed, EVERY)
    met = [(one.shape, one.end) for one in planned]
    assert min(met.count((shape, end)) for shape in SHAPES for end in ENDS) == len(KINDS) // (len(SHAPES) * len(ENDS))
