"""Publishing revenue: only what moved is computed and written, and what is served is what was built."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dashboards.needs import met
from orchestration.gold.result import GoldResult
from serving.principal import ALL, Principal
from tests.support.revenue_job import RevenueJob
from warehouse_models import home
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.published.manifest import Manifest
from warehouse_models.published.publication import Publication

pytestmark = pytest.mark.slow

REVENUE = {name for name, mart in gold_models.marts().items() if "revenue" in str(mart.slices) or "mrr" in name}


def event(number: int, day: str) -> dict[str, Any]:
    return {"messageId": f"m{number}", "type": "track", "event": "f", "userId": "u", "timestamp": f"{day}T10:00:00Z"}


def period(start: str, amount: int, **more: Any) -> dict[str, Any]:
    made = {"subscription_id": "s", "account_id": "a", "plan": "gold", "start_date": start, "amount": amount}
    return made | {"currency": "USD", "interval": "month"} | more


class Job(RevenueJob):
    """Its tables as built, as published, and as gold Delta has them."""

    def run(self) -> GoldResult:
        result = self.build()
        assert result.ok, result.verdicts
        return result

    def tables(self, path: Path) -> dict[str, list[tuple[Any, ...]]]:
        connection = duck.connect(path, read_only=True)
        try:
            return {n: connection.execute(f"from marts.{n} order by all").fetchall() for n in REVENUE}
        finally:
            connection.close()

    def versions(self) -> dict[str, int | None]:
        return {name: self.lake.shard("pool").version(gold_models.marts()[name].spec) for name in REVENUE}

    def publication(self) -> Publication:
        manifest = Manifest.read(home.published_root())
        assert manifest is not None
        return manifest.tenants["acme"]

    def check(self, patches: int) -> None:
        manifest = Manifest.read(home.published_root())
        assert manifest is not None and manifest.tenants["acme"].patches == patches
        built = self.tables(home.build_path("pool"))
        assert self.tables(manifest.file_of(home.published_root(), "acme")) == built, "the tenant's file"
        assert self.tables(manifest.all_file(home.published_root())) == built, "gold Delta"


def test_the_manifest_says_who_has_revenue_from_the_first_bill_on_and_no_run_of_events_takes_it_back(
    tenure_home: Path, tmp_path: Path
) -> None:
    job = Job(tmp_path / "drop")
    one, all_tenants = Principal.of("acme"), ALL
    assert met(one) == met(all_tenants) == [], "nothing is published"
    job.land("events", event(1, "2024-03-01"))
    job.run()
    assert job.publication().revenue_through is None and met(one) == met(all_tenants) == []

    job.land("subscriptions", period("2024-01-15", 100, updated_at="2024-04-01"), as_of="2024-04-10")
    job.run()
    assert job.publication().revenue_through == date(2024, 4, 10) and met(one) == met(all_tenants) == ["revenue"]
    assert met(Principal.of("bolt")) == met(Principal.of()) == [], "a neighbour's revenue"

    job.land("events", event(2, "2024-03-02"))
    job.run()
    assert job.publication().version == 3 and job.publication().revenue_through == date(2024, 4, 10)


def test_a_correction_of_an_old_period_is_served_and_a_day_of_events_leaves_revenue_alone(
    tenure_home: Path, tmp_path: Path
) -> None:
    job = Job(tmp_path / "drop")
    # The ledger begins long before the first event and ends after the last one.
    job.land("events", event(1, "2024-03-01"), event(2, "2024-03-02"))
    first = period("2023-01-15", 100), period("2023-07-15", 120)
    job.land("subscriptions", *(row | {"updated_at": "2024-04-01"} for row in first), as_of="2024-04-10")
    job.run()
    job.check(patches=0)
    assert len(job.tables(home.build_path("pool"))["fct_mrr_daily"]) == 452, "2023-01-15 to 2024-04-10"

    before = job.versions()
    job.land("events", event(3, "2024-03-03"))
    names = {model.name for model in job.run().models}
    assert not names & REVENUE and "fct_product_engagement_daily" in names, "no model of revenue was run"
    assert job.versions() == before, "nor a table of it written"
    job.check(patches=1)

    job.land("subscriptions", period("2023-01-15", 90, updated_at="2024-04-02"))
    names = {model.name for model in job.run().models}
    assert names >= REVENUE
    job.check(patches=2)
    rows = job.tables(home.build_path("pool"))["fct_mrr_daily"]
    assert [row[4] for row in rows if row[3].isoformat() in ("2023-01-15", "2023-07-14", "2023-07-15")] == [
        9000, 9000, 12000,
    ]  # fmt: skip

    # A day more of the ledger is one row more.
    job.land("subscriptions", *first, as_of="2024-04-11")
    job.run()
    job.check(patches=3)
    assert len(job.tables(home.build_path("pool"))["fct_mrr_daily"]) == 453
