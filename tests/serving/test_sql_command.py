"""`tenure sql` serves no statement that the guard refuses, and says why in three lines."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from tests.support.hostile import growth as hostile_size
from tests.support.hostile import statements as hostile
from tests.support.worlds import serving as world

# One of each kind and more by lot: opening a connection for each of all takes minutes, and the guard is one.
LOT = random.Random(4).sample([sql for listed in hostile.ALL.values() for sql in listed], 24)
CASES = list(dict.fromkeys([*(listed[0] for listed in hostile.ALL.values()), *LOT]))


@pytest.mark.parametrize("sql", CASES, ids=lambda sql: repr(sql[:70]))
def test_a_hostile_statement_gets_a_reason_and_a_next_step(sql: str, home: Path) -> None:
    before = sorted(home.rglob("*"))
    result = CliRunner().invoke(app, ["sql", "--tenant", world.GREEN, "--", hostile.fill(sql, home)])
    assert result.exit_code == 2 and result.stdout == ""
    assert "why:" in result.stderr and "next:" in result.stderr
    assert not any(word in result.output for word in ("Traceback", "root:", *world.foreign_words(world.GREEN)))
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize(
    ("limit", "value", "sql", "why"),
    [
        ("SECONDS", "1", hostile_size.ENDLESS[0], "longer than 1 s"),
        ("MEMORY", "100MB", "select list(a.account_id || b.account_id) from fct_feature_usage_daily a, "
         "fct_feature_usage_daily b", "memory limit of 100MB"),
        ("ROWS", "100", "select * from fct_feature_usage_daily", "more than 100 rows"),
        # DuckDB does not count the text that it builds here: the process's own limit stops it.
        ("PROCESS_GB", "0.7", "with recursive r(s) as (select 'x' union all select s || s from r) select s from r",
         "memory limit"),
    ],
)  # fmt: skip
def test_a_statement_past_a_limit_is_cut_off_with_the_limit_named(
    limit: str, value: str, sql: str, why: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, as a person calls it: one limit is the process's."""
    monkeypatch.setenv(f"TENURE_SQL_{limit}", value)
    command = [sys.executable, "-c", "from orchestration.cli import app; app()", "sql", "--tenant", world.GREEN, sql]
    process = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert process.returncode == 2, process.stderr
    assert why in process.stderr and "next:" in process.stderr and "Traceback" not in process.stderr
