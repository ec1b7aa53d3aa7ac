"""CONTRIBUTING's table "I want to add": each thing is added by its own files, and what has to find it finds it.

Every test lays files, and nothing but files, beside the product's own, so it fails as soon as a list has to be edited
as well. The other rows of the table are tested where they belong:

    a system's webhooks, a map that is landed  tests/connectors/systems/test_discovery.py
    a canonical object                         tests/transforms/test_typed.py
    a table of the catalog                     tests/warehouse_models/catalog/test_table.py (its `Channel`)
    a path or a reply of the collector         tests/connectors/collector/http/
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from connectors import systems
from connectors.landing.row_reader import read_map
from connectors.systems.discovery import shipped_maps
from dashboards import files
from dashboards.bundle import bundle_files, identity, push_plan
from dashboards.files import Assets
from dashboards.validate import validate
from orchestration.audit.rules import checks_hash, gold_rules
from tests.support.lakes import land_rows, silver
from tests.support.projects import Projects
from transforms import definition
from transforms.runner import run_transforms
from warehouse_models import silver as silver_package
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import sources
from warehouse_models.dbt.marts import mart_sql, marts, silver_inputs
from warehouse_models.lake.lake import Lake
from warehouse_models.specs import all_specs

# -- a silver table ----------------------------------------------------------------------------------------------------
# Its domain comes before that of its input in the alphabet, so an order by name would be the wrong one.
PORTFOLIOS = "silver/care/portfolios"
PORTFOLIOS_SPEC = """
from warehouse_models.spec import Column, Pii, TableSpec

PORTFOLIOS = TableSpec(
    layer="silver",
    domain="care",
    name="portfolios",
    grain="One row per customer success manager.",
    key=("tenant_id", "csm"),
    owner="data-engineering",
    description="How many accounts everybody looks after.",
    columns=(
        Column("tenant_id", "string", "Tenant.", nullable=False),
        Column("csm", "string", "Customer success manager.", Pii.PERSONAL, nullable=False),
        Column("accounts", "bigint", "Accounts that are there now (count).", nullable=False),
    ),
)
"""
PORTFOLIOS_SQL = """/*
inputs:
  silver/crm/accounts: {days: all}
*/
SELECT tenant_id, csm, count(*) AS accounts
FROM silver_crm_accounts
WHERE is_current AND NOT is_deleted AND csm IS NOT NULL
GROUP BY tenant_id, csm
"""


def forget_silver() -> None:
    """What was found by reading modules and folders is looked up anew."""
    for cached in (all_specs, definition.transforms):
        cached.cache_clear()


@pytest.fixture
def portfolios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project with the two files of one more silver table."""
    texts, modules = tmp_path / "transforms", tmp_path / "silver"
    shutil.copytree(definition.FOLDER, texts, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (texts / "care").mkdir()
    (texts / "care" / "portfolios.sql").write_text(PORTFOLIOS_SQL, encoding="utf-8")
    modules.mkdir()
    (modules / "care.py").write_text(PORTFOLIOS_SPEC, encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(silver_package, "__path__", [*silver_package.__path__, str(modules)])
        patch.setattr(definition, "FOLDER", texts)
        forget_silver()
        yield
    sys.modules.pop(f"{silver_package.__name__}.care", None)
    vars(silver_package).pop("care", None)
    forget_silver()


def test_a_silver_table_is_a_spec_and_a_text_and_is_computed_after_what_it_reads(
    portfolios: None, tmp_path: Path, tenure_home: Path
) -> None:
    assert all_specs()[PORTFOLIOS].key == ("tenant_id", "csm")
    order = definition.order()
    assert order.index("silver/crm/versions") < order.index("silver/crm/accounts") < order.index(PORTFOLIOS)
    lake = Lake()
    Catalog(lake).add_tenant("acme")
    rows = [{"account_id": f"a{number}", "name": "A", "csm": csm} for number, csm in enumerate(("eva", "eva", "tom"))]
    land_rows(lake, "acme", "accounts", rows, tmp_path / "files", as_of="2026-03-01")
    run_transforms(lake, "pool", only=["silver/crm/versions", "silver/crm/accounts", PORTFOLIOS])
    assert sorted(silver(lake, PORTFOLIOS, "csm, accounts")) == [("eva", 2), ("tom", 1)]


def test_a_silver_table_is_a_source_of_dbt_and_an_asset_of_dagster(portfolios: None) -> None:
    from orchestration.assets.silver import silver_assets

    tables = {
        f"{source['name']}.{table['name']}": table
        for source in yaml.safe_load(sources.render())["sources"]
        for table in source["tables"]
    }
    columns = {column["name"]: column["data_type"] for column in tables["silver_care.portfolios"]["columns"]}
    assert columns == {"tenant_id": "varchar", "csm": "varchar", "accounts": "bigint"}
    dependencies = {key.to_user_string(): of.asset_deps[key] for of in silver_assets() for key in of.keys}
    assert {key.to_user_string() for key in dependencies[PORTFOLIOS]} == {"silver/crm/accounts"}


# -- a mart ------------------------------------------------------------------------------------------------------------
MART_SQL = "select tenant_id, csm, accounts, 1.0::double as share\nfrom {{ source('silver_care', 'portfolios') }}\n"
MART_YAML = """
version: 2
models:
  - name: fct_portfolios
    description: One row per customer success manager. How many accounts everybody looks after.
    config:
      meta: {subject: the portfolios, slices: int_touched_tenants, owner: data-engineering, key: [tenant_id, csm]}
    columns:
      - {name: tenant_id, data_type: varchar, description: Tenant; never null.}
      - {name: csm, data_type: varchar, description: Manager; never null., config: {meta: {pii: personal}}}
      - {name: accounts, data_type: bigint, description: Accounts (count); never null.}
      - {name: share, data_type: double, description: "Share of all accounts, ratio 0 to 1; never null."}
"""


@pytest.fixture
def fct_portfolios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The dbt project with the two files of one more mart; the hash of all checks as it was before."""
    before = checks_hash()
    with monkeypatch.context() as patch:
        new = {"fct_portfolios.sql": MART_SQL, "fct_portfolios.yml": MART_YAML}
        Projects(tmp_path, patch).change(new=new)
        yield before
    Projects.forget()


def test_a_mart_is_its_sql_and_its_yaml_and_its_contract_is_a_spec(fct_portfolios: str) -> None:
    mart = marts()["fct_portfolios"]
    assert (mart.spec.address, mart.spec.grain) == ("gold/fct_portfolios", "One row per customer success manager.")
    types = {"tenant_id": "string", "csm": "string", "accounts": "bigint", "share": "double"}
    assert {column.name: column.type for column in mart.table.columns} == types
    assert mart_sql("fct_portfolios") == MART_SQL
    assert "silver/care/portfolios" in silver_inputs(), "gold is due when what the mart reads has moved"


def test_a_mart_is_checked_in_the_words_of_its_yaml(fct_portfolios: str) -> None:
    rules = [rule for rule in gold_rules() if rule.about == "gold/fct_portfolios"]
    names = "keys_are_filled keys_are_unique counts_are_not_negative ratios_are_possible figures_are_finite"
    assert " ".join(rule.name for rule in rules) == names
    assert all(rule.words.startswith("in the portfolios, ") for rule in rules)
    assert checks_hash() != fct_portfolios, "a publication that others' checks held is judged again"


def test_a_mart_is_a_dataset_that_the_guard_lets_dashboards_read(fct_portfolios: str) -> None:
    assets = Assets.read()
    assert list(assets.datasets["fct_portfolios"].columns) == ["tenant_id", "csm", "accounts", "share"]
    assert validate(assets) == []


# -- a dashboard -------------------------------------------------------------------------------------------------------
DATASET_YAML = """
description: One row per segment. Accounts as known now.
sql: |
  select tenant_id, segment, csm, count(*) as accounts
  from marts.dim_accounts
  where is_current
  group by all
columns:
  tenant_id: {type: VARCHAR, title: Tenant}
  segment: {type: VARCHAR, title: Segment}
  csm: {type: VARCHAR, title: CSM}
  accounts: {type: BIGINT, title: Accounts}
metrics:
  accounts: {title: Accounts, sql: SUM(accounts), format: ",d"}
"""
CHART_YAML = """
title: Accounts by segment
dataset: segments
viz_type: pie
params: {groupby: [segment], metric: accounts, row_limit: 100}
"""
DASHBOARD_YAML = """
title: Segments
roles: [analyst]
rows:
  - - {chart: data_as_of, width: 12, height: 17}
  - - {chart: accounts_by_segment, width: 12, height: 40}
filters:
  - {name: Period, kind: time, default: Last quarter, description: Days., not_on: [data_as_of, accounts_by_segment]}
  - {name: Segment, kind: value, dataset: account_options, column: segment, description: Of., not_on: [data_as_of]}
  - {name: CSM, kind: value, dataset: account_options, column: csm, description: Of., not_on: [data_as_of]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the dashboards with one dashboard more, its chart and its dataset."""
    copy = tmp_path / "assets"
    shutil.copytree(files.ASSETS, copy)
    (copy / "datasets" / "segments.yaml").write_text(DATASET_YAML, encoding="utf-8")
    (copy / "charts" / "accounts_by_segment.yaml").write_text(CHART_YAML, encoding="utf-8")
    (copy / "dashboards" / "segments.yaml").write_text(DASHBOARD_YAML, encoding="utf-8")
    return copy


def test_a_dashboard_is_its_files_and_is_in_the_bundle_and_in_the_plan_of_a_push(folder: Path) -> None:
    assets = Assets.read(folder)
    assert validate(assets) == []
    added = bundle_files(assets).keys() - bundle_files(Assets.read()).keys()
    assert added == {"datasets/tenure/segments.yaml", "charts/accounts_by_segment.yaml", "dashboards/segments.yaml"}
    plan, dashboard = push_plan(assets, "operator"), identity("dashboards", "segments")
    assert plan.dashboard_roles[dashboard] == ["analyst"]
    assert identity("charts", "accounts_by_segment") in plan.dashboard_charts[dashboard]


def test_a_column_that_no_mart_has_is_named_with_the_file_that_asks_for_it(folder: Path) -> None:
    path = folder / "datasets" / "segments.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("where is_current", "where shoe_size > 40"))
    (problem,) = validate(Assets.read(folder))
    assert problem.startswith("datasets/segments: ") and "shoe_size" in problem


# -- a foreign file format ---------------------------------------------------------------------------------------------
def test_a_map_is_a_file_in_its_vendor_s_folder_and_is_read_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, path = shipped_maps(), tmp_path / "nimbus" / "maps" / "clients.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("object: accounts\ncolumns: {account_id: client, csm: carer}\n", encoding="utf-8")
    monkeypatch.setattr(systems, "__path__", [*systems.__path__, str(tmp_path)])
    assert shipped_maps() == {**before, "nimbus_clients": path}
    mapping = read_map("nimbus_clients", "accounts")
    assert mapping and mapping.apply({"client": "c1", "carer": "eva"}) == {"account_id": "c1", "csm": "eva"}
