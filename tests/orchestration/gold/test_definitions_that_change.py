"""A changed definition refreshes what depends on it by itself, and only that; nothing changed means no commit."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.audit.plan_misses import sentence
from orchestration.gold import plan as gold_plan
from orchestration.gold.build import run_gold
from orchestration.gold.result import GoldResult
from orchestration.publish.publish import publish
from tests.orchestration.gold.test_gold_incremental import TABLES, contents
from tests.support.lakes import land_rows, silver, whole
from transforms import definition
from transforms.definition import order
from transforms.runner import run_transforms
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.published.manifest import Manifest


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The transforms' texts in a copy; call it after a change to have them read again."""
    copy = tmp_path / "transforms"
    shutil.copytree(definition.FOLDER, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(definition, "FOLDER", copy)

    def change(name: str, old: str, new: str) -> None:
        _replace(copy / f"{name}.sql", old, new)
        definition.transforms.cache_clear()

    yield change
    monkeypatch.undo()
    definition.transforms.cache_clear()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The dbt project in a copy."""
    copy = tmp_path / "dbt_project"
    shutil.copytree(gold_models.PROJECT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setattr(gold_models, "PROJECT", copy)

    def change(path: str, old: str, new: str) -> None:
        _replace(copy / path, old, new)
        gold_models.marts.cache_clear()

    gold_models.marts.cache_clear()
    yield change
    monkeypatch.undo()
    gold_models.marts.cache_clear()


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


EVENTS = [
    {"type": "track", "event": "Report", "messageId": f"m{day}", "userId": "ann", "context": {"groupId": "a"}}
    | {"timestamp": f"2024-03-0{day}T10:00:00Z"}
    for day in (1, 2, 3)
]


def versions(lake: Lake) -> dict[str, int | None]:
    """Versions of every Delta table of the lake, by its folder."""
    logs = sorted(Path(lake.root).rglob("_delta_log"))
    tables = {str(log.parent.relative_to(lake.root)): lake.open(str(log.parent)) for log in logs}
    return {name: table.version() if table else None for name, table in tables.items()}


def moved(lake: Lake, before: dict[str, int | None]) -> set[str]:
    return {
        name.removeprefix("shards/pool/") for name, version in versions(lake).items() if version != before.get(name)
    }


def run(lake: Lake, **options: Any) -> GoldResult:
    """Silver, gold, publish."""
    run_transforms(lake, "pool", **options)
    result = run_gold(lake, "pool", **options)
    assert result.error is None, result.error
    publish(lake, "pool", result.verdicts)
    return result


def test_a_changed_text_refreshes_its_table_and_what_reads_it_and_nothing_else(
    tenure_home: Path, tmp_path: Path, texts: Any
) -> None:
    lake = Lake()
    for tenant in ("acme", "bolt"):
        Catalog(lake).add_tenant(tenant)
        land_rows(lake, tenant, "events", EVENTS, tmp_path / "drop")
    run_transforms(lake, "pool")
    before = versions(lake)
    assert all(result.skipped for result in run_transforms(lake, "pool"))
    assert versions(lake) == before, "nothing changed, no commit"

    texts("product/usage_daily", "count(*) AS events", "2 * count(*) AS events")
    run_transforms(lake, "pool")
    assert moved(lake, before) == {"silver/product/usage_daily"}
    assert {row[0] for row in silver(lake, "silver/product/usage_daily", "events")} == {2}

    before = versions(lake)
    texts("product/activity", "'unresolved') AS account_id", "'nobody') AS account_id")
    run_transforms(lake, "pool")
    assert moved(lake, before) == {f"silver/product/{name}" for name in ("activity", "sessions", "usage_daily")}

    # A text that only asks for another window may have missed rows under the old one.
    before = versions(lake)
    texts("product/sessions", "days: [-2, 1]", "days: [-3, 1]")
    run_transforms(lake, "pool")
    assert moved(lake, before) == {"silver/product/sessions"}

    step_by_step = {address: whole(lake, address) for address in order()}
    run_transforms(lake, "pool", full_refresh=True)
    assert {address: whole(lake, address) for address in order()} == step_by_step


@pytest.mark.slow
def test_gold_follows_a_column_a_plan_and_a_full_refresh_and_rewrites_nothing_else(
    tenure_home: Path, tmp_path: Path, project: Any
) -> None:
    lake, root = Lake(), home.published_root()
    catalog = Catalog(lake)
    for tenant in ("acme", "bolt"):
        catalog.add_tenant(tenant)
        land_rows(lake, tenant, "events", EVENTS, tmp_path / "drop")
    assert run(lake).reason == "first run"

    before, manifest = versions(lake), Manifest.read(root)
    assert run(lake).skipped
    assert versions(lake) == before and Manifest.read(root) == manifest, "nothing changed, no commit, no publication"

    # A column more: that mart gets it, silver and the marts whose rows stay the same keep their versions.
    project("models/marts/product/fct_feature_usage_daily.sql", "as users\n", "as users,\n    min(date) as seen\n")
    project(
        "models/marts/product/fct_feature_usage_daily.yml",
        "      - {name: users,",
        "      - {name: seen, data_type: date, description: Day.}\n      - {name: users,",
    )
    result = run(lake)
    assert result.full and result.reason == "definition changed"
    assert moved(lake, before) == {"gold/fct_feature_usage_daily", "gold/trust"}
    assert {
        tuple(r) for r in served("select tenant_id, min(seen)::varchar from marts.fct_feature_usage_daily group by 1")
    } == {
        ("acme", "2024-03-01"),
        ("bolt", "2024-03-01"),
    }

    # One tenant's plan: its slices, and its warning.
    before = versions(lake)
    plan = {"version": 1, "events": {"Other": {"feature": "other"}}}
    catalog.set_tenant("acme", tracking_plan=plan)
    result = run(lake)
    assert result.tenants == ("acme",) and not result.full
    assert {name for name in moved(lake, before) if name.startswith("silver")} == {
        f"silver/product/{name}" for name in ("activity", "sessions", "usage_daily")
    }
    for name in moved(lake, before) - {"catalog/tenants"}:
        trail = lake.shard("pool").trail(name, after=before[f"shards/pool/{name}"])
        assert not trail.full and set(trail.slices) == {"acme"}, name
    assert result.plan_misses == {"acme": {"file_drop": 3}}
    assert "acme 3 (file_drop 3)" in sentence(result.plan_misses)
    assert result.verdicts["acme"].green, "events that miss the plan hold nobody"
    rows = served("select tenant_id, source_id, plan_miss, count(*) from marts.fct_events group by all order by all")
    assert rows == [("acme", "file_drop", "unknown event", 3), ("bolt", "file_drop", None, 3)]
    breadth = "select tenant_id, max(feature_breadth_30d) from marts.fct_account_engagement_daily group by 1 order by 1"
    assert served(breadth) == [("acme", 0.0), ("bolt", 1.0)]
    assert served("select * from marts.dim_features order by all") == [
        ("acme", "other", None, True),
        ("bolt", "Report", date(2024, 3, 1), False),
    ]

    step_by_step = {table: build(table) for table in TABLES}
    silver_rows = {address: whole(lake, address) for address in order()}
    assert run(lake, full_refresh=True).reason == "asked for"
    assert {table: build(table) for table in TABLES} == step_by_step
    assert {address: whole(lake, address) for address in order()} == silver_rows


def served(sql: str) -> list[tuple[Any, ...]]:
    """Rows out of the file over all tenants."""
    manifest = Manifest.read(home.published_root())
    assert manifest is not None
    connection = duck.connect(manifest.all_file(home.published_root()), read_only=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def build(table: str) -> set[tuple[object, ...]]:
    connection = duck.connect(home.build_path("pool"), read_only=True)
    try:
        return contents(connection, f"marts.{table}")
    finally:
        connection.close()


def test_golds_definition_follows_from_its_sql_and_contracts_and_not_from_words(project: Any) -> None:
    before = gold_plan.definition()
    project("models/marts/core/dim_dates.yml", "description: UTC day; never null.", "description: The day; never null.")
    assert gold_plan.definition() == before
    project("models/marts/core/dim_dates.sql", "isodow(date) > 5", "isodow(date) > 4")
    assert gold_plan.definition() != before


def test_gold_reads_no_policy_value_but_those_it_is_fingerprinted_by() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in gold_models.PROJECT.rglob("models/**/*.sql"))
    relations = set(re.findall(r"source\('control', '(plan_\w+|revenue_profiles)'\)", text))
    read = set(re.findall(r"settings\.(\w+)", text)) | relations
    assert read - {"tenant_id"} == set(gold_plan.POLICIES)


@pytest.mark.slow
def test_published_months_that_a_changed_definition_moves_are_restated_as_that_before_any_other_cause(
    tenure_home: Path, tmp_path: Path, project: Any
) -> None:
    lake = Lake()
    Catalog(lake).add_tenant("acme")
    yearly = {"subscription_id": "s", "account_id": "a", "plan": "p", "start_date": "2024-01-01", "amount": 1200}
    yearly |= {"currency": "USD", "interval": "year", "updated_at": "2024-03-01"}
    land_rows(lake, "acme", "subscriptions", [yearly], tmp_path / "drop", as_of="2024-02-29")
    run(lake)
    # 1200 a year is 100 a month; a tenth of it would be 120, and of 2400 it is 240.
    project("models/intermediate/revenue/ledgers/int_subscription_parts.sql", "'year' then 12", "'year' then 10")
    corrected = yearly | {"amount": 2400, "updated_at": "2024-03-02"}
    land_rows(lake, "acme", "subscriptions", [corrected], tmp_path / "drop", as_of="2024-02-29")
    run(lake)
    restated = {row[3:8] for row in build("fct_restatements") if row[2] == "closing_minor"}
    assert {(month.isoformat()[:7], cause, int(before), int(after)) for month, _, cause, before, after in restated} == {
        ("2024-01", "definition change", 10000, 12000),
        ("2024-01", "correction", 12000, 24000),
        ("2024-02", "definition change", 10000, 12000),
        ("2024-02", "correction", 12000, 24000),
    }
