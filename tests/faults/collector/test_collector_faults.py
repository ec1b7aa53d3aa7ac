"""The collector under a hundred injected faults of one seed (`make faults` injects a thousand).

Processes of their own run them, because what they fork must not have opened anything.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, need
from tests.faults.collector.plan import ENDS, KINDS, SHAPES
from tests.faults.syscalls import why_not

pytestmark = pytest.mark.slow
SEED, COUNT, PROCESSES = 20261126, 100, 2
_MEMORY = Path("/dev/shm")
Fault = dict[str, Any]


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Fault]]:
    """What the slice noted: a line a fault."""
    reason = why_not()
    need("FAULTS", reason is None, reason or "")
    result = tmp_path_factory.mktemp("faults") / "result.jsonl"
    # In memory where there is some: what is lost with a disk is lost by the harness, so a real disk shows no more.
    folder = Path(tempfile.mkdtemp(prefix="tenure-faults-", dir=_MEMORY if _MEMORY.is_dir() else None))
    command = [sys.executable, "-m", "tests.faults.collector", "--seed", str(SEED), "--count", str(COUNT)]
    command += ["--result", str(result), "--every", "25"]
    running = [
        subprocess.Popen(
            [*command, "--folder", str(folder / str(n)), "--share", f"{n}/{PROCESSES}"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for n in range(1, PROCESSES + 1)
    ]  # fmt: skip
    told = [one.communicate()[0] for one in running]
    shutil.rmtree(folder)
    print(*told)
    assert result.exists(), told
    yield [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines()]


def test_after_any_fault_what_was_acknowledged_is_in_bronze_once_and_nothing_else(faults: list[Fault]) -> None:
    wrong = {f"{one['number']} {one['kind']}, {one['shape']}, {one['point']}": one["problems"] for one in faults}
    assert not {name: told for name, told in wrong.items() if told}
    assert sum(one["acked"] for one in faults) > 30 * COUNT


def test_a_hundred_faults_of_the_collector_happened_of_every_kind_in_all_surroundings(faults: list[Fault]) -> None:
    assert [one["number"] for one in faults if not one["fired"]] == []
    assert sorted(one["number"] for one in faults) == list(range(COUNT))
    assert Counter(one["kind"] for one in faults) == {name: kind.weight for name, kind in KINDS.items()}
    assert {(one["shape"], one["end"]) for one in faults} == {(shape, end) for shape in SHAPES for end in ENDS}
    assert sum(one["to_silver"] for one in faults) == 4


def test_clients_sent_again_what_was_not_acknowledged(faults: list[Fault]) -> None:
    """Otherwise nothing was disturbed that anybody noticed."""
    struck = [one for one in faults if KINDS[one["kind"]].strikes == "collector" and one["ended"] == "killed"]
    assert len(struck) > 20 and sum(one["sent_again"] > 0 for one in struck) > len(struck) // 2
