"""The dbt project keeps its promises: it parses with nothing set, contracts, grains, unit tests, tenants."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.gold.build import run_gold
from orchestration.gold.dbt import environment as dbt_environment
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.dbt import sources as dbt_sources
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake

PROJECT = gold_models.PROJECT
DBT = Path(sys.executable).with_name("dbt")


def properties() -> list[dict[str, Any]]:
    """Every model's YAML of the marts."""
    files = sorted((PROJECT / "models" / "marts").rglob("*.yml"))
    return [model for path in files for model in yaml.safe_load(path.read_text()).get("models", [])]


def unit_tested() -> set[str]:
    """Models that a dbt unit test is about."""
    files = (PROJECT / "models").rglob("*.yml")
    return {test["model"] for path in files for test in yaml.safe_load(path.read_text()).get("unit_tests", [])}


def dbt(*arguments: str, tmp_path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run dbt on the project, its artefacts below tmp_path."""
    command = [str(DBT), *arguments, *dbt_environment.options()]
    variables = environment | dbt_environment.artefacts(tmp_path)
    return subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True)


def test_the_project_parses_with_an_empty_environment_and_without_warnings(tmp_path: Path) -> None:
    process = dbt("parse", tmp_path=tmp_path, environment={"PATH": os.environ["PATH"], "DO_NOT_TRACK": "1"})
    assert process.returncode == 0, process.stdout + process.stderr
    assert "WARNING" not in process.stdout, process.stdout


def test_sources_are_what_the_silver_specs_say() -> None:
    assert dbt_sources.PATH.read_text() == dbt_sources.render(), "run python -m warehouse_models.dbt.sources"


def test_every_mart_has_sql_a_contract_a_grain_and_a_description_for_every_column() -> None:
    written = {path.stem for path in (PROJECT / "models" / "marts").rglob("*.sql")}
    assert written == set(gold_models.marts())
    for mart in gold_models.marts().values():
        assert mart.spec.key[0] == "tenant_id"
        assert mart.spec.columns[0].name == "tenant_id"
        assert mart.spec.grain.startswith("One row per ")


def test_every_column_description_says_what_null_means() -> None:
    for model in properties():
        for column in model["columns"]:
            assert re.search(r"\bnull\b", column["description"]), f"{model['name']}.{column['name']}"


def test_every_mart_has_a_unit_test_and_every_fact_has_a_key_test() -> None:
    assert unit_tested() >= set(gold_models.marts())
    for model in properties():
        names = [name for test in model["data_tests"] for name in test]
        assert "unique_key" in names, f"{model['name']} has no unique_key test"


def test_no_model_is_longer_than_120_lines() -> None:
    for path in (PROJECT / "models").rglob("*.sql"):
        assert len(path.read_text().splitlines()) <= 120, path.name


def test_no_mart_feeds_a_staging_or_intermediate_model() -> None:
    for folder in ("staging", "intermediate"):
        for path in (PROJECT / "models" / folder).rglob("*.sql"):
            read = set(re.findall(r"ref\(\s*'(\w+)'", path.read_text()))
            assert not read & set(gold_models.marts()), path.name


def test_ranges_of_days_are_written_out_as_literals_by_one_macro() -> None:
    paths = [*(PROJECT / "models").rglob("*.sql"), *(PROJECT / "macros").rglob("*.sql")]
    assert {path.name for path in paths if "'''{}'''" in path.read_text()} == {"in_slices.sql"}


def test_policy_values_stand_in_no_sql() -> None:
    # The policy's defaults are 50 events and 30 minutes; the trailing 30 days of METRICS are definitions.
    for path in (PROJECT / "models").rglob("*.sql"):
        text = re.sub(r"--.*", "", path.read_text())
        assert not re.search(r"\b50\b|minute", text), path.name


def test_the_dashboard_is_an_exposure_over_marts_only() -> None:
    exposures = yaml.safe_load((PROJECT / "models" / "marts" / "_exposures.yml").read_text())["exposures"]
    read = {ref for exposure in exposures for ref in re.findall(r"ref\('(\w+)'\)", str(exposure["depends_on"]))}
    assert read <= set(gold_models.marts())
    assert "trust" in read


@pytest.fixture(scope="module")
def empty_shard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A shard with a tenant and not one silver table, built."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("tenure")
        patch.setenv("TENURE_HOME", str(root))
        lake = Lake()
        Catalog(lake).add_tenant("acme")
        result = run_gold(lake, "pool")
        assert result.error is None, result.error
        assert result.ok, result.verdicts
        yield root


@pytest.mark.slow
def test_marts_of_a_shard_without_silver_are_empty_and_green(empty_shard: Path) -> None:
    connection = duck.connect(home.build_path("pool"), read_only=True)
    for name, mart in gold_models.marts().items():
        rows = connection.execute(f"select count(*) from marts.{name}").fetchall()[0][0]
        # The bucket of unresolved events and the statement of trust exist before the first event.
        assert rows == (1 if name in ("dim_accounts", "trust") else 0), mart.name
    connection.close()


@pytest.mark.slow
def test_dbt_unit_tests_pass(empty_shard: Path, tmp_path: Path) -> None:
    environment = os.environ | dbt_environment.environment_of("pool") | {"TENURE_DBT_SEVERITY": "error"}
    process = dbt("test", "--select", "test_type:unit", tmp_path=tmp_path, environment=environment)
    assert process.returncode == 0, process.stdout
    written = sum(path.read_text().count("    given:\n") for path in (PROJECT / "models").rglob("*.yml"))
    assert f"{written} unit tests" in process.stdout, process.stdout


@pytest.mark.slow
def test_failing_rows_of_every_data_test_name_their_tenant(empty_shard: Path) -> None:
    compiled = empty_shard / "dbt" / "pool" / "target" / "compiled" / "tenure"
    tests = [*compiled.glob("tests/*.sql"), *compiled.glob("models/**/*.yml/*.sql")]
    assert len(tests) > 40
    connection = duck.connect(home.build_path("pool"), read_only=True)
    for path in tests:
        columns = [row[0] for row in connection.execute(f"describe ({path.read_text()})").fetchall()]
        assert columns[0] == "tenant_id", path.name
    connection.close()
