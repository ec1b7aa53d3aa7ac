"""Every check of gold fails on data that it is about, names that tenant and no other, and says its sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from orchestration.audit.rules import gold_rules
from orchestration.audit.verdict import Verdict
from orchestration.gold.build import run_gold
from orchestration.gold.result import GoldResult
from orchestration.publish.publish import publish
from tests.orchestration.audit.test_check_words import dbt_tests
from tests.support.lakes import land_rows
from tests.support.worlds.silver import SilverWorld
from transforms.definition import order
from transforms.runner import run_transforms
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt.marts import Mart, marts
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake

pytestmark = pytest.mark.slow

# Its rows are looked at by date, which is its only key besides the tenant: one without is in no scope.
SILENT = {"gold_out_fct_product_engagement_daily_keys_are_filled"}
NAMED = ("account_id", "feature", "user_id")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoldResult]:
    """The verdicts on two tenants of which bolt's gold was broken in every way after it was built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("TENURE_LAKE", raising=False)
        lake = Lake()
        world = SilverWorld(lake, "pool")
        for tenant in ("acme", "bolt"):
            Catalog(lake).add_tenant(tenant, settings={"reporting_currency": "USD"})
            bill(lake, tenant, tmp_path_factory.mktemp("drop"))
            world.account(tenant, "a", name="A", licensed_seats=3)
            # Three months, so that every spine has a middle that can be missing.
            for day in ("2024-01-01", "2024-01-02", "2024-02-14", "2024-03-05"):
                world.event(tenant, f"{day} 10:00", user="u", account="a", feature="f")
                world.event(tenant, f"{day} 11:00", anonymous="x")
        run_transforms(
            lake, "pool", only=[address for address in order() if "billing" in address or "version" in address]
        )
        spoil_silver(world)
        world.commit()
        built = run_gold(lake, "pool")
        assert built.error is None, built.error
        publish(lake, "pool", built.verdicts)
        connection = duck.connect(home.build_path("pool"))
        # Nothing was restated so far, and bolt never published.
        connection.execute("insert into control.published by name select 'bolt' as tenant_id, 1 as version")
        connection.execute(
            "insert into control.published_months select * "
            "replace (opening_minor + 1 as opening_minor) from marts.fct_revenue_monthly where tenant_id = 'bolt'"
        )
        connection.execute(
            "insert into marts.fct_restatements select tenant_id, 1, 'new_minor', month, currency, 'merge', 1, 2, 1 "
            "from marts.fct_revenue_monthly where tenant_id = 'bolt'"
        )
        for mart in marts().values():
            if not mart.is_view:
                spoil(connection, mart)
        spoil_users(connection)
        spoil_ledger(connection)
        connection.close()
        # Nothing moved, so nothing is built: the tests alone run.
        result = run_gold(lake, "pool", full_audit=True)
        assert result.error is None and not result.models, result.error
        yield result


def bill(lake: Lake, tenant: str, folder: Path) -> None:
    """Five months of contracts in two currencies: two end and come back, one changes its price, and a rate moves."""
    rows = [
        {"subscription_id": name, "account_id": name, "plan": "p", "start_date": start, "amount": amount}
        | {"currency": currency, "interval": "month", **more}
        for name, start, amount, currency, more in (
            ("a", "2024-01-01", 10, "USD", {}),
            ("a", "2024-03-01", 12, "USD", {}),
            ("b", "2024-01-10", 10, "EUR", {"end_date": "2024-04-10"}),
            ("b", "2024-05-01", 10, "EUR", {}),
            ("r", "2024-01-01", 10, "USD", {"end_date": "2024-02-05"}),
            ("r", "2024-02-20", 10, "USD", {"interval": "week", "end_date": "2024-04-03"}),
            ("r", "2024-04-13", 10, "USD", {}),
        )
    ]
    rates = [
        {"date": day, "from_currency": "EUR", "to_currency": "USD", "rate": rate}
        for day, rate in (("2023-12-01", "1.1"), ("2024-02-15", "1.2"))
    ]
    lines = [
        {"invoice_line_id": "l", "account_id": "c", "issued_at": "2024-01-01", "amount": 5, "currency": "USD"}
        | {"recurring": True}
    ]
    land_rows(lake, tenant, "subscriptions", rows, folder, as_of="2024-05-31")
    land_rows(lake, tenant, "exchange_rates", rates, folder)
    land_rows(lake, tenant, "invoices", lines, folder, as_of="2024-05-31")


def spoil_silver(world: SilverWorld) -> None:
    """What the marts that are views would show: events, sessions and usage twice, of no kind, without a request."""
    silver = world._silver()
    for address, changes in (
        ("silver/product/events", {"type": "guess"}),
        ("silver/product/sessions", {"events": 0}),
    ):
        rows = [row for row in silver[address] if row["tenant_id"] == "bolt"][:1]
        world.extra_rows[address] += [{**row, **changes} for row in rows]
    hour = {"date": date(2024, 1, 2), "hour": datetime(2024, 1, 2, tzinfo=UTC), "month": date(2024, 1, 1)}
    counts = {"requests": 0, "events": 1, "bytes": 1}
    world.extra_rows["silver/collector/usage"] += [{"tenant_id": "bolt", "source_id": "web", **hour, **counts}] * 2


def spoil(connection: duck.duckdb.DuckDBPyConnection, mart: Mart) -> None:
    """One mart: rows without names, below zero, beyond one, without value, in 2999, of strangers; and all twice."""
    table = f"marts.{mart.name}"
    kinds = {column.name: column.type for column in mart.spec.columns}
    keys = [key for key in mart.spec.key if key != "tenant_id"]
    of = {kind: [name for name, each in kinds.items() if each == kind] for kind in set(kinds.values())}

    def add(changes: dict[str, str]) -> None:
        replacements = ", ".join(f'{value} as "{name}"' for name, value in changes.items())
        connection.execute(
            f"insert into {table} select * replace ({replacements}) from {table} where tenant_id = 'bolt' "
            "order by all desc limit 1"
        )

    first = mart.spec.slice_column or next((name for name in ("date", "month") if name in kinds), None)
    if first is not None:
        middle = f"(select quantile_disc({first}, 0.5) from {table} where tenant_id = 'bolt')"
        connection.execute(f"delete from {table} where tenant_id = 'bolt' and {first} = {middle}")
    nameless = {key: "null" for key in keys if key != first or keys == [first]}
    add(nameless | {name: "null" for name in of.get("string", []) if name not in ("tenant_id", first)})
    add(dict.fromkeys(of.get("bigint", []), "-5") | dict.fromkeys(of.get("double", []), "7") or nameless)
    if "double" in of:
        add(dict.fromkeys(of["double"], "'nan'::double"))
    if mart.spec.slice_column:
        add({mart.spec.slice_column: "date '2999-01-01'"})
    for name in NAMED:
        # In a list itself a stranger would be on the list.
        if name in kinds and mart.spec.slice_column:
            add({name: "'nobody'"})
    if mart.name == "dim_accounts":
        add({"valid_to": "valid_from - interval 1 day"})
    for name in ("movement_type", "outcome"):
        if name in kinds:
            add({name: "'guess'"})
    if mart.name == "dim_features":
        add({"is_planned": "false", "first_used_date": "null"})
    connection.execute(f"insert into {table} from {table} where tenant_id = 'bolt'")


def spoil_users(connection: duck.duckdb.DuckDBPyConnection) -> None:
    table = "intermediate.int_user_days"
    for changes in ("'nobody' as user_id", "'nobody' as account_id", "null as user_id, null as anonymous_id"):
        connection.execute(
            f"insert into {table} select * replace ({changes}) from {table} where tenant_id = 'bolt' limit 1"
        )
    connection.execute(f"insert into {table} from {table} where tenant_id = 'bolt'")


def spoil_ledger(connection: duck.duckdb.DuckDBPyConnection) -> None:
    """Amounts beyond what can be counted, and a day without a rate."""
    for table, change in (
        ("int_subscription_parts", "null as mrr_minor"),
        ("int_invoice_lines", "null as mrr_minor"),
        ("int_mrr_spells", "null as mrr_minor"),
        ("int_reporting_rates", "null as rate"),
    ):
        connection.execute(
            f"insert into intermediate.{table} select * replace ({change}) from intermediate.{table} "
            "where tenant_id = 'bolt' and from_date >= date '2000-01-01' limit 1"
        )


def verdict(result: GoldResult) -> Verdict:
    return result.verdicts["bolt"]


def test_every_dbt_test_fails_where_it_should_and_says_its_sentence(broken: GoldResult) -> None:
    failures = [failure for failure in verdict(broken).failures if failure.kind == "dbt"]
    sentences = {failure.words for failure in failures}
    by_rows = {failure.name for failure in failures if failure.is_from_rows}
    silent = {check: words for check, words in dbt_tests() if words not in sentences and check not in by_rows}
    assert not silent


def test_every_rule_of_great_expectations_fails_where_it_should(broken: GoldResult) -> None:
    fired = {failure.name for failure in verdict(broken).failures if failure.kind == "gold_out"}
    assert {rule.check for rule in gold_rules()} - fired == SILENT


def test_the_neighbour_in_the_same_tables_is_green(broken: GoldResult) -> None:
    assert broken.verdicts["acme"].green, broken.verdicts["acme"].failures
    assert all(set(check.failing) <= {"bolt"} for check in broken.checks)
