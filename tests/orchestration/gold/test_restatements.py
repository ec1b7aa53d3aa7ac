"""Restatements: which published figure changed, from what to what, and why. Every answer is worked by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.revenue_job import RevenueJob
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake import duck
from warehouse_models.published.manifest import Manifest

pytestmark = pytest.mark.slow
Told = tuple[str, str, str, int | None, int | None]


def period(subscription: str, account: str, amount: int, **more: Any) -> dict[str, Any]:
    made = {"subscription_id": subscription, "account_id": account, "plan": "gold", "start_date": "2024-01-01"}
    return made | {"amount": amount, "currency": "USD", "interval": "month", "updated_at": "2024-04-01"} | more


class Job(RevenueJob):
    """Its settings, and the restatements that its users are served."""

    def set(self, **settings: str) -> None:
        Catalog(self.lake).set_tenant("acme", **settings)

    def run(self, **options: Any) -> bool:
        """Whether acme is green."""
        return self.build(**options).ok

    def served(self, sql: str) -> list[tuple[Any, ...]]:
        manifest = Manifest.read(home.published_root())
        assert manifest is not None
        path = manifest.file_of(home.published_root(), "acme")
        assert path is not None
        connection = duck.connect(path, read_only=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def restated(self, version: int, *figures: str) -> set[Told]:
        """(figure, month, cause, before, after) of a publication."""
        rows = self.served(
            "select figure, strftime(period, '%Y-%m'), cause, before, after, delta from marts.fct_restatements "
            f"where restated_version = {version} and figure in {(*figures, '')}"
        )
        assert all(delta == (after or 0) - (before or 0) for *_, before, after, delta in rows)
        return {(figure, month, cause, _int(before), _int(after)) for figure, month, cause, before, after, _ in rows}


def _int(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount)


@pytest.fixture
def job(tenure_home: Path, tmp_path: Path) -> Job:
    """Three accounts pay 100, 60 and, weekly, 10 x 52 / 12 = 43.33 a month from January to March, published once."""
    made = Job(tmp_path / "drop")
    weekly = period("sd", "d", 10, interval="week")
    made.land("subscriptions", period("sa", "a", 100), period("sb", "b", 60), weekly, as_of="2024-03-31")
    assert made.run()
    assert made.served("select month, closing_minor from marts.fct_revenue_monthly where closing_minor <> 20333") == []
    assert made.served("select * from marts.fct_restatements") == []
    return made


CLOSING: set[Told] = {
    ("closing_minor", "2024-01", "correction", 20333, 19333),
    ("closing_minor", "2024-01", "policy change", 19333, 19000),
    ("closing_minor", "2024-02", "correction", 20333, 19333),
    ("closing_minor", "2024-02", "late record", 19333, 22333),
    ("closing_minor", "2024-02", "policy change", 22333, 22000),
    ("closing_minor", "2024-03", "correction", 20333, 19333),
    ("closing_minor", "2024-03", "late record", 19333, 22333),
    ("closing_minor", "2024-03", "policy change", 22333, 22000),
}
CUSTOMERS: set[Told] = {
    ("customers_close", "2024-01", "merge", 3, 2),
    ("customers_close", "2024-02", "merge", 3, 2),
    ("customers_close", "2024-02", "late record", 2, 3),
    ("customers_close", "2024-03", "merge", 3, 2),
    ("customers_close", "2024-03", "late record", 2, 3),
}


def test_a_restatement_names_figure_month_and_each_cause_and_stays_told(job: Job) -> None:
    # b's contract belongs to a by now, a pays 90, c pays 30 since February, and a week is a fourth of a month.
    moved = period("sa", "a", 90, updated_at="2024-04-02"), period("sb", "a", 60, updated_at="2024-04-02")
    job.land("subscriptions", *moved, period("sc", "c", 30, start_date="2024-02-15"), as_of="2024-03-31")
    job.set(week_factor="4")
    assert job.run()
    assert job.restated(1, "closing_minor") == CLOSING
    assert job.restated(1, "customers_close") == CUSTOMERS

    # A month that nobody had been told of is no restatement, and an older one is not told again.
    job.land("subscriptions", *moved, as_of="2024-04-30")
    assert job.run()
    assert job.served("select distinct restated_version from marts.fct_restatements") == [(1,)]
    everything = job.served("select * from marts.fct_restatements order by all")
    assert job.run(full_refresh=True)
    assert job.served("select * from marts.fct_restatements order by all") == everything

    # From nothing but the lake: the build database holds no history that gold Delta does not.
    home.build_path("pool").unlink()
    assert job.run()
    assert job.served("select * from marts.fct_restatements order by all") == everything


def test_while_a_tenant_is_held_its_restatements_wait_for_the_publication_that_carries_the_new_figures(
    job: Job,
) -> None:
    job.set(reporting_currency="USD")
    job.land("subscriptions", period("se", "e", 50, currency="EUR", start_date="2024-03-01"), as_of="2024-03-31")
    assert not job.run(), "no rate from EUR to USD"
    ((is_held, reason),) = job.served("select is_held, held_reason from marts.trust")
    assert is_held and ": no exchange rate from EUR to USD is known for 2024-03-01; " in reason, reason
    assert job.served("select * from marts.fct_restatements") == []
    job.land("exchange_rates", {"date": "2024-01-01", "from_currency": "EUR", "to_currency": "USD", "rate": "1.1"})
    assert job.run()
    assert job.restated(1, "closing_minor", "new_minor") == {
        ("closing_minor", "2024-03", "late record", 20333, 25833),
        ("new_minor", "2024-03", "late record", 0, 5500),
    }
    # What is served now is what the next comparison starts from.
    job.land("subscriptions", period("se", "e", 60, currency="EUR", start_date="2024-03-01", updated_at="2024-04-03"))
    assert job.run()
    (version,) = {row[0] for row in job.served("select restated_version from marts.fct_restatements")} - {1}
    assert job.restated(version, "closing_minor") == {("closing_minor", "2024-03", "correction", 25833, 26933)}
    # b turns out to pay 60 pounds, and their rate comes with that: the figures in between have it too.
    job.land("exchange_rates", {"date": "2024-01-01", "from_currency": "GBP", "to_currency": "USD", "rate": "1.5"})
    job.land("subscriptions", period("sb", "b", 60, currency="GBP", updated_at="2024-04-03"))
    assert job.run()
    (version,) = {row[0] for row in job.served("select restated_version from marts.fct_restatements")} - {1, version}
    assert ("closing_minor", "2024-03", "correction", 26933, 29933) in job.restated(version, "closing_minor")
    assert {cause for _, _, cause, _, _ in job.restated(version, "closing_minor")} == {"correction"}


def test_figures_in_another_currency_are_others(job: Job) -> None:
    job.land("exchange_rates", {"date": "2024-01-01", "from_currency": "USD", "to_currency": "EUR", "rate": "0.5"})
    job.set(reporting_currency="EUR")
    assert job.run()
    assert job.restated(1, "closing_minor") == {
        ("closing_minor", month, "policy change", 20333, None) for month in ("2024-01", "2024-02", "2024-03")
    }
