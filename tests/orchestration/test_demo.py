"""The demo: a newcomer's first minutes. Without the services, which have tests of their own."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.demo import QUERIES
from warehouse_models import home
from warehouse_models.published.manifest import Manifest

pytestmark = [pytest.mark.xdist_group("dagster"), pytest.mark.slow]


def tenure(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "My Project"
    path.mkdir()
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    for number in range(3):
        (path / "src").mkdir(exist_ok=True)
        (path / "src" / f"{number}.txt").write_text("text")
        subprocess.run(["git", "-C", str(path), "add", "."], check=True)
        subprocess.run(["git", "-C", str(path), *identity, "commit", "-q", "-m", "a change"], check=True)
    return path


def test_the_demo_publishes_its_world_and_a_repository_and_repeats_itself_without_a_second_row(
    tenure_home: Path, repository: Path
) -> None:
    arguments = ("demo", "--no-start", "--days", "6", "--repository", str(repository))
    first = tenure(*arguments)
    assert first.exit_code == 0, first.output
    manifest = Manifest.read(home.published_root())
    assert manifest is not None
    assert set(manifest.tenants) == {"lumenfold", "ferrowise", "kestrel_ledger", "git_my_project"}
    assert {manifest.tenants[slug].shard for slug in ("lumenfold", "kestrel_ledger")} == {"pool", "kestrel"}

    # What it tells a newcomer to paste works as it stands.
    commands = re.findall(r"^\s+(tenure sql .*)$", first.output, re.MULTILINE)
    assert len(commands) == len(QUERIES) == 3
    for command in commands:
        assert tenure(*shlex.split(command)[1:], "--format", "json").exit_code == 0, command
    commits = tenure("sql", "SELECT sum(events) AS n FROM marts.fct_feature_usage_daily", "--tenant", "git_my_project")
    assert "3" in commits.stdout

    # And every published figure of the simulated tenants is what happened to them.
    for tenant in ("lumenfold", "ferrowise", "kestrel_ledger"):
        (truth,) = home.home().glob(f"sandbox/**/{tenant}/truth/users_daily.csv")
        names = truth.read_text().splitlines()[0]
        result = tenure("sql", f"SELECT {names} FROM fct_product_engagement_daily ORDER BY date", "--tenant", tenant,
                      "--format", "csv")  # fmt: skip
        assert result.stdout.split() == truth.read_text().split(), tenant

    second = tenure(*arguments)
    assert second.exit_code == 0, second.output
    assert not re.search(r"[1-9][\d,]* new", second.output)
    again = Manifest.read(home.published_root())
    assert again is not None and again.number == manifest.number


def test_a_folder_that_is_no_repository_is_refused_with_a_next_step(tenure_home: Path, tmp_path: Path) -> None:
    result = tenure("demo", "--no-start", "--days", "2", "--repository", str(tmp_path))
    assert result.exit_code == 2
    assert "it is not a git repository" in result.stderr
    assert "next:" in result.stderr
