"""Two runs never work on one shard, two publications never swap one manifest, and a process that died holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from orchestration.locks import manifest_lock, run_lock
from warehouse_models.errors import TenureError

HOLD = """
import sys, time
from orchestration.locks import run_lock
with run_lock("pool", "run of another process"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tenure_home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_held_shard_is_refused_in_words_that_name_the_holder(holder: subprocess.Popen[str]) -> None:
    with pytest.raises(TenureError) as refused, run_lock("pool", "mine", patience=0):
        raise AssertionError("two runs on one shard")
    assert "run of another process" in refused.value.why
    assert str(holder.pid) in refused.value.why


def test_another_shard_is_free(holder: subprocess.Popen[str]) -> None:
    with run_lock("kestrel", "mine", patience=0):
        pass


def test_a_killed_run_holds_nothing(holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with run_lock("pool", "mine", patience=5):
        pass


def test_the_name_of_a_killed_holder_is_not_told(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    with run_lock("pool", "x"), pytest.raises(TenureError) as refused, run_lock("pool", "mine", patience=0):
        raise AssertionError("two runs on one shard")
    assert refused.value.why.startswith(f"x (process {os.getpid()}) is working on it")


def test_the_manifest_of_one_folder_has_one_holder_and_another_folder_is_free(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    with (
        manifest_lock(here, "a swap"),
        manifest_lock(there, "another swap", patience=0),
        pytest.raises(TenureError, match="a swap"),
        manifest_lock(here, "a pruning", patience=0),
    ):
        raise AssertionError("pruned while swapped")
    with manifest_lock(here, "a pruning", patience=0):
        pass


def test_a_waiting_run_says_whom_it_waits_for_and_then_gets_its_turn(tenure_home: Path) -> None:
    said: list[str] = []
    order: list[str] = []

    def second() -> None:
        with run_lock("pool", "second", on_wait=said.append):
            order.append("second")

    with run_lock("pool", "first"):
        thread = threading.Thread(target=second)
        thread.start()
        while not said:
            time.sleep(0.01)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert "first" in said[0] and str(os.getpid()) in said[0]
    assert len(said) == 1
