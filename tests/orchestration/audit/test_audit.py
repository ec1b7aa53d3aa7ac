"""The audit names tenants: rules come from the specs, Great Expectations judges frames, a verdict follows."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from orchestration.audit.rules import bronze_rules, gold_rules
from orchestration.audit.suites import bronze_in, judge
from orchestration.audit.verdict import Check, verdicts
from warehouse_models.dbt.marts import marts
from warehouse_models.lake.lake import Lake
from warehouse_models.specs import all_specs, spec

ROOT = Path(__file__).resolve().parents[3]


def test_a_tenant_is_green_when_no_check_names_it() -> None:
    by_tenant = verdicts(
        ["acme", "bolt"], [Check("key", "dbt", "gold/trust", "Twice", {"bolt": 3}), Check("b", "dbt", "", "")]
    )
    assert by_tenant["acme"].green and by_tenant["acme"].reason is None
    assert not by_tenant["bolt"].green and by_tenant["bolt"].reason == "Twice"


def test_a_failure_without_a_tenant_holds_every_tenant() -> None:
    by_tenant = verdicts(["acme", "bolt"], [], shard_error="model fct_x: Binder Error")
    assert [(verdict.green, verdict.conclusive) for verdict in by_tenant.values()] == [(False, False), (False, False)]
    assert "Binder" not in str(by_tenant["acme"].reason), "executives read this"


def test_a_reason_names_the_worst_three_checks_and_counts_the_rest() -> None:
    checks = [Check(f"c{n}", "dbt", "gold/x", f"Words {n}", {"acme": n}) for n in range(1, 6)]
    assert verdicts(["acme"], checks)["acme"].reason == ("Words 5; Words 4; Words 3; and 2 more")


def test_a_rule_that_repeats_a_test_of_the_same_table_is_not_said_twice() -> None:
    checks = [
        Check("rule", "gold_out", "gold/dim_users", "in the list of users, some entries stand twice", {"acme": 9}),
        Check("test", "dbt", "gold/dim_users", "some users are listed twice", {"acme": 1}),
        Check("other", "gold_out", "gold/trust", "the statement stands twice", {"acme": 1}),
    ]
    verdict = verdicts(["acme"], checks)["acme"]
    assert verdict.reason == "the statement stands twice; some users are listed twice"
    assert [failure.name for failure in verdict.ranked] == ["rule", "other", "test"], "operators see all of them"


def test_every_bronze_table_and_every_mart_has_rules_with_unique_names() -> None:
    rules = [*bronze_rules(), *gold_rules()]
    assert len({rule.check for rule in rules}) == len(rules)
    bronze = {address for address, table in all_specs().items() if table.layer == "bronze" and table.domain}
    assert {rule.about for rule in bronze_rules()} == bronze
    assert {rule.about for rule in gold_rules()} == {mart.spec.address for mart in marts().values() if not mart.is_view}


def test_great_expectations_names_the_tenants_of_offending_rows() -> None:
    rules = [rule for rule in gold_rules() if rule.about == "gold/dim_users"]
    frame: dict[str, Any] = {"tenant_id": ["acme", "bolt", "cord"]}
    frame |= {rule.name: [0, 0, 0] for rule in rules} | {"keys_are_unique": [0, 4, 0]}
    checks = judge(rules, {"gold/dim_users": pd.DataFrame(frame)})
    assert {check.name: check.failing for check in checks if not check.passed} == {
        "gold_out_dim_users_keys_are_unique": {"bolt": 4}
    }


def test_listing_the_checks_imports_neither_great_expectations_nor_dagster() -> None:
    code = (
        "import sys, orchestration.audit.rules, orchestration.audit.suites; "
        "import orchestration.publish.publish, orchestration.gold.build; "
        "print([m for m in ('great_expectations', 'dagster', 'dbt.cli') if m in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


@pytest.fixture
def bronze(tenure_home: Path) -> Lake:
    """Bronze events of two tenants; one of bolt's rows names nobody and landed an hour ago."""
    table = spec("bronze/product/events")
    now = datetime.now(UTC)
    base = {
        "object": "events", "op": "append", "received_at": now - timedelta(hours=2), "batch_id": "b", "type": "track",
        "event": "E", "landed_at": now - timedelta(hours=1), "landed_date": (now - timedelta(hours=1)).date(),
    }  # fmt: skip
    rows = [
        {**base, "tenant_id": "acme", "record_id": "1", "user_id": "u"},
        {**base, "tenant_id": "bolt", "record_id": "1", "user_id": "u"},
        {**base, "tenant_id": "bolt", "record_id": "2"},
        {**base, "tenant_id": "cord", "record_id": "2"},
    ]
    lake = Lake()
    data = pa.Table.from_pylist(rows, schema=table.arrow_schema)
    lake.shard("pool").append(table, data, trail={"batch_id": "b", "landed_dates": [], "tenants": []})
    return lake


def test_bronze_in_looks_at_what_landed_since_a_tenants_last_publication(bronze: Lake) -> None:
    now = datetime.now(UTC)
    checks = bronze_in(bronze, "pool", {"acme": None, "bolt": now - timedelta(days=1)})
    assert {check.name: check.failing for check in checks if not check.passed} == {
        "bronze_in_product_events_somebody_did_them": {"bolt": 1}
    }, "cord was not asked about, acme is fine"
    assert all(check.passed for check in bronze_in(bronze, "pool", {"acme": None, "bolt": now}))


def test_bronze_in_of_an_empty_lake_passes(tenure_home: Path) -> None:
    assert all(check.passed for check in bronze_in(Lake(), "pool", {"acme": None}))
