"""The sandbox's billing through the whole job: its ledger is the true one, and growing MRR does not hide who leaves."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from connectors.landing.land import land
from connectors.sandbox import TenantFiles, World, write_world
from orchestration.gold.build import run_gold
from transforms.runner import run_transforms
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[TenantFiles]]:
    folder = tmp_path_factory.mktemp("sandbox_revenue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(folder / "home"))
        lake, world = Lake(), World(seed=31, days=180)
        files = write_world(folder / "world", World(seed=31, days=180))
        for tenant in files:
            Catalog(lake).add_tenant(tenant.slug, settings={"reporting_currency": tenant.currency})
            for object in ("subscriptions", "exchange_rates"):
                as_of = world.last_day if object == "subscriptions" else None
                assert land(lake, Catalog(lake), tenant.slug, object, [getattr(tenant, object)], as_of=as_of).accepted
        run_transforms(lake, "pool")
        result = run_gold(lake, "pool")
        assert result.ok, (result.error, {slug: v.failures for slug, v in result.verdicts.items() if not v.green})
        yield files


def ask(sql: str) -> list[tuple[Any, ...]]:
    connection = duck.connect(home.build_path("pool"), read_only=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_the_ledger_of_each_day_is_the_true_one_to_the_cent(made: list[TenantFiles]) -> None:
    for tenant in made:
        with (tenant.truth / "mrr_daily.csv").open(newline="") as file:
            true = {
                (row["account_id"], row["currency"], date.fromisoformat(row["date"])): int(row["mrr_minor"])
                for row in csv.DictReader(file)
            }
        ours = ask(
            "select account_id, currency, date, mrr_minor from marts.fct_mrr_daily "
            f"where tenant_id = '{tenant.slug}' and mrr_minor > 0"
        )
        assert len(true) > 10_000
        assert {(account, currency, day): cents for account, currency, day, cents in ours} == true, tenant.slug


def test_a_tenant_whose_mrr_grows_while_more_and_more_customers_leave_shows_both(made: list[TenantFiles]) -> None:
    months = ask(
        "select closing_minor, customers_churned, logo_retention_12m, nrr_12m from marts.fct_revenue_monthly "
        "where tenant_id = 'ferrowise' and is_complete order by month desc limit 12"
    )[::-1]
    assert months[-1][0] > 1.3 * months[0][0], "MRR grows"
    assert sum(row[1] for row in months[6:]) > 2 * sum(row[1] for row in months[:6]), "customers leave faster"
    assert months[-1][2] < 0.8 < 1.1 < months[-1][3], "logo retention falls below what NRR says"


def test_every_kind_of_movement_and_several_currencies_occur(made: list[TenantFiles]) -> None:
    kinds = {row[0] for row in ask("select distinct movement_type from marts.fct_mrr_movements")}
    assert kinds == {"new", "reactivation", "expansion", "contraction", "churn", "fx"}
    assert ask("select count(distinct currency) from marts.fct_mrr_daily")[0][0] == 3
