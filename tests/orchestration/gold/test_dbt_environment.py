"""dbt is started one way: whoever starts it gets the project of TENURE_DBT_PROJECT, and writes below TENURE_HOME."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from orchestration.gold.dbt import environment as dbt_environment

_MODELS_OF_BOTH = """
import json
from orchestration.gold.dbt.environment import folder_of
from orchestration.gold.dbt.manifest import manifest
from orchestration.gold.dbt.process import DbtProcess

with DbtProcess("pool") as dbt:
    nodes, error = dbt.run({}, print)
build = json.loads((folder_of("pool") / "target" / "manifest.json").read_text())
print(json.dumps([error, *(sorted(node["name"] for node in one["nodes"].values()) for one in (manifest(), build))]))
"""


def test_the_manifest_and_the_build_take_the_project_of_the_environment(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(dbt_environment.project(), project, ignore=shutil.ignore_patterns(*dbt_environment.WRITTEN_BY_DBT))
    (project / "models" / "staging" / "stg_of_another_project.sql").write_text("select 1 as one\n", encoding="utf-8")
    variables = os.environ | {"TENURE_DBT_PROJECT": str(project), "TENURE_HOME": str(tmp_path / "tenure")}
    printed = subprocess.check_output([sys.executable, "-c", _MODELS_OF_BOTH], env=variables, text=True)
    error, of_manifest, of_build = json.loads(printed.splitlines()[-1])
    assert error is None
    assert "stg_of_another_project" in of_manifest
    assert of_manifest == of_build


def test_a_start_of_dbt_writes_below_its_folder_and_sends_nothing_home(tmp_path: Path) -> None:
    variables = dbt_environment.environment(tmp_path)
    for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH"):
        assert Path(variables[name]).parent == tmp_path
    assert variables["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    assert variables["DO_NOT_TRACK"] == "1"


def test_a_run_of_a_shard_writes_below_the_home_and_only_warns_of_failing_tests(tenure_home: Path) -> None:
    variables = dbt_environment.environment_of("pool")
    for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH", "TENURE_BUILD_DB"):
        assert tenure_home in Path(variables[name]).parents
    assert variables["TENURE_DBT_SEVERITY"] == "warn"
