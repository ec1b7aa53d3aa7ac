"""Published worked examples of revenue, from a landed file to the published mart: one tenant an example, one run.

The cases are those of ../shared/samples/worked_examples/cases.json and billing_tape, with their published answers.
Where a peer contradicts our default policy, the test names the profile or the setting that reproduces its answer. Two
cases have nothing to reproduce: `mlytics-proration` is arithmetic of a proration charge, which touches no MRR (see
`baremetrics-proration-invoice`), and `posthog-mrr-series` came without its inputs.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.landing.land import land
from orchestration.gold.build import run_gold
from orchestration.publish.publish import publish
from tests.support.lakes import land_rows
from tests.support.revenue_cases import CASES, Row, vectors
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

pytestmark = pytest.mark.slow


class Answers:
    """Published marts of every example."""

    def __init__(self, samples: Callable[[str], Path]) -> None:
        self.samples = samples

    def rows(self, tenant: str, sql: str) -> list[tuple[Any, ...]]:
        from serving.opening import open_serving

        with open_serving(tenant) as connection:
            return connection.execute(sql).rows()

    def movements(self, tenant: str) -> list[tuple[str, int]]:
        """(kind, delta in cents) in order of time."""
        ordered = "SELECT movement_type, delta_minor FROM marts.fct_mrr_movements ORDER BY movement_date, delta_minor"
        return self.rows(tenant, ordered)


@pytest.fixture(scope="module")
def answers(samples: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    folder = tmp_path_factory.mktemp("revenue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(folder / "tenure"))
        lake, cases = Lake(), dict(CASES)
        cases["vectors"] = ({}, "2024-01-31", {"subscriptions": vectors(samples("worked_examples"))})
        cases["four_weeks"] = ({"week_factor": "4"}, *cases["vectors"][1:])
        for tenant, (settings, as_of, objects) in cases.items():
            Catalog(lake).add_tenant(tenant, settings=settings)
            for object, rows in objects.items():
                report = land_rows(lake, tenant, object, rows, folder / "drop", as_of=as_of)
                assert report.quarantined == 0, report
        Catalog(lake).add_tenant("tape")
        tape = samples("billing_tape") / "hand_worked_tape.csv"
        land(lake, Catalog(lake), "tape", "invoices", [tape], mapping="billing_tape", as_of="2026-02-28")
        run_transforms(lake, "pool")
        result = run_gold(lake, "pool")
        assert result.ok, (result.error, {slug: v.failures for slug, v in result.verdicts.items() if not v.green})
        publish(lake, "pool", result.verdicts)
        yield Answers(samples)


def published_case(answers: Answers, name: str) -> Any:
    """A case as it stands beside us, so that an answer is quoted and not copied."""
    cases = json.loads((answers.samples("worked_examples") / "cases.json").read_text())
    return next(case for case in cases if case["id"] == name)


def test_the_billing_tape_gives_its_hand_worked_waterfall_and_retention(answers: Answers) -> None:
    def expected(name: str) -> list[Row]:
        with (answers.samples("billing_tape") / name).open(newline="") as file:
            return list(csv.DictReader(file))

    ours = answers.rows(
        "tape",
        "SELECT strftime(month, '%Y-%m'), opening_minor, new_minor, reactivation_minor, expansion_minor, "
        "contraction_minor, churn_minor, closing_minor, customers_new, customers_reactivated, customers_churned, "
        "customers_close, is_complete FROM marts.fct_revenue_monthly ORDER BY month",
    )
    money = ("beginning", "new", "reactivation", "expansion", "contraction", "churn", "ending")
    counts = ("n_new", "n_reactivated", "n_churned", "n_active")
    theirs = [
        (row["month"], *(int(row[c]) * 100 for c in money), *(int(row[c]) for c in counts), True)
        for row in expected("hand_worked_waterfall.csv")
    ]
    assert ours == theirs
    rates = "nrr_12m, grr_12m, logo_retention_12m"
    ours = answers.rows(
        "tape",
        f"SELECT strftime(month, '%Y-%m'), base_customers_12m, {rates} FROM marts.fct_revenue_monthly "
        "WHERE base_customers_12m > 0 ORDER BY month",
    )
    theirs = [
        (row["month"], int(row["base_customers"]), *(float(row[rate]) for rate in rates.split(", ")))
        for row in expected("hand_worked_retention_12m.csv")
    ]
    assert ours == theirs
    steps = "SELECT movement_type, count(*) FROM marts.fct_mrr_movements GROUP BY 1 ORDER BY 1"
    assert dict(answers.rows("tape", steps)) == {
        "new": 5, "churn": 1, "reactivation": 1, "expansion": 1, "contraction": 1,
    }  # fmt: skip


def test_chartmogul_a_second_subscription_is_expansion_and_losing_one_of_two_is_contraction(answers: Answers) -> None:
    case = published_case(answers, "chartmogul-syncalytics")
    assert answers.movements("syncalytics") == [(s["movement"], round(s["mrr_delta"] * 100)) for s in case["expected"]]
    dates = "SELECT movement_date::text FROM marts.fct_mrr_movements WHERE movement_type = 'churn'"
    assert answers.rows("syncalytics", dates) == [("2025-01-10",)]


def test_chartmogul_a_raised_quantity_is_expansion_by_its_price_not_by_the_pro_rated_charge(answers: Answers) -> None:
    case = published_case(answers, "chartmogul-emperor-gaming")
    assert answers.movements("emperor") == [(s["movement"], round(s["mrr_delta"] * 100)) for s in case["expected"]]


def test_chartmogul_gross_and_net_churn_rates_follow_from_the_month(answers: Answers) -> None:
    ((gross, net),) = answers.rows(
        "gross_churn",
        "SELECT (churn_minor + contraction_minor) / opening_minor, (churn_minor + contraction_minor - expansion_minor "
        "- reactivation_minor) / opening_minor FROM marts.fct_revenue_monthly WHERE month = '2024-02-01'",
    )
    wanted = published_case(answers, "chartmogul-gross-mrr-churn")["expected"]
    assert (gross, net) == (wanted["gross_mrr_churn_rate"], wanted["net_mrr_churn_rate"])


def test_chartmogul_net_churn_is_negative_where_expansion_outweighs_it(answers: Answers) -> None:
    ((net,),) = answers.rows(
        "growth_day",
        "SELECT (churn_minor + contraction_minor - expansion_minor) / opening_minor FROM marts.fct_revenue_monthly "
        "WHERE month = '2024-02-01' AND new_minor = 1000 AND closing_minor = 12000",
    )
    assert net == published_case(answers, "chartmogul-net-churn-growth-day")["expected"]["net_mrr_churn_rate"]


def test_xlslides_board_case_gives_nrr_and_grr_over_twelve_months(answers: Answers) -> None:
    case = published_case(answers, "xlslides-board-case")
    ((nrr, grr, base),) = answers.rows(
        "board", "SELECT nrr_12m, grr_12m, base_customers_12m FROM marts.fct_revenue_monthly WHERE month = '2025-01-01'"
    )
    assert nrr == pytest.approx(case["expected"]["nrr"], abs=case["tolerance"])
    assert grr == pytest.approx(case["expected"]["grr"], abs=case["tolerance"])
    assert base == 3


def test_baremetrics_a_pro_rated_invoice_is_no_mrr(answers: Answers) -> None:
    assert answers.movements("proration") == [("new", 1200), ("expansion", 1200)]


def test_baremetrics_own_nrr_formula_leaves_contraction_out_and_so_differs_from_ours(answers: Answers) -> None:
    # 100 % - (churned - expansion) / opening: the same month is 100 % there, and 90 % by METRICS §2.
    ((theirs, ours),) = answers.rows(
        "gross_churn",
        "SELECT 1 - (churn_minor - expansion_minor) / opening_minor, nrr_1m FROM marts.fct_revenue_monthly "
        "WHERE month = '2024-02-01'",
    )
    assert (theirs, ours) == (1.0, 0.9)


@pytest.mark.parametrize(("tenant", "delta"), [("zuora", 1200), ("zuora_gross", 1500)])
def test_zuora_a_discounted_charge_expands_by_its_net_and_by_its_list_price_where_that_is_the_policy(
    answers: Answers, tenant: str, delta: int
) -> None:
    assert answers.movements(tenant)[1] == ("expansion", delta)
    expected = published_case(answers, "zuora-order-delta-discount")["expected"]
    assert {"zuora": sum(expected["net"]) * 100, "zuora_gross": sum(expected["gross"]) * 100}[tenant] == delta


def test_lago_fees_of_a_month_add_up(answers: Answers) -> None:
    wanted = [row["amount_cents"] for row in published_case(answers, "lago-mrr-spec")["expected"]]
    closings = "SELECT closing_minor FROM marts.fct_revenue_monthly ORDER BY month"
    assert [row[0] for row in answers.rows("lago", closings)] == wanted


def test_qzpay_counts_by_subscription_and_the_same_data_is_one_expansion_of_the_account(answers: Answers) -> None:
    months = (
        "SELECT closing_minor, new_minor, expansion_minor, churn_minor FROM marts.fct_revenue_monthly ORDER BY month"
    )
    expected = published_case(answers, "qzpay-breakdown")["expected"]
    wanted = tuple(expected[name] for name in ("current", "new", "expansion", "churned"))
    assert answers.rows("qzpay_subscription", months)[1] == wanted
    assert answers.rows("qzpay_account", months) == [(2000, 2000, 0, 0), (3000, 0, 1000, 0)]


def test_qzpay_one_of_two_customers_churned(answers: Answers) -> None:
    expected = published_case(answers, "qzpay-churn-rate")["expected"]
    january = (
        "SELECT customers_churned, 100 * customers_churned / customers_open, churn_minor "
        "FROM marts.fct_revenue_monthly WHERE month = '2024-01-01'"
    )
    ((count, rate, revenue),) = answers.rows("qzpay_churn", january)
    assert (count, rate, revenue) == (expected["count"], expected["rate_pct"], expected["revenue"])


def test_qzpay_counts_trials_and_the_profile_of_thirty_day_months_reproduces_it(answers: Answers) -> None:
    closings = dict(
        answers.rows("qzpay_trial", "SELECT profile, closing_minor FROM marts.fct_revenue_monthly_profiles")
    )
    assert closings["default"] == 1000
    assert closings["thirty_day_month"] == published_case(answers, "qzpay-trialing")["expected"]["peer_mrr"]


def test_normalisation_vectors_have_their_published_mrr_under_the_profile_that_says_so(answers: Answers) -> None:
    with (answers.samples("worked_examples") / "mrr_normalisation_vectors.csv").open(newline="") as file:
        wanted = [round(float(row["expected_mrr_cents"])) for row in csv.DictReader(file)]
    closings = "SELECT profile, closing_minor FROM marts.fct_revenue_monthly_profiles ORDER BY 1"
    # All vectors are accounts of one tenant: their sum is that of the published ones.
    by_profile = dict(answers.rows("vectors", closings))
    assert by_profile["thirty_day_month"] == sum(wanted)
    each = dict(answers.rows("vectors", "SELECT account_id, max(mrr_minor) FROM marts.fct_mrr_daily GROUP BY 1"))
    ours = [each[f"v{number}"] for number in range(len(wanted))]
    differ = {number for number, (a, b) in enumerate(zip(ours, wanted, strict=True)) if a != b}
    # By default a day is 365/12 of a month, and a week 52/12.
    assert {number: ours[number] for number in differ} == {0: 3042, 1: 4333}
    four = dict(answers.rows("four_weeks", "SELECT account_id, max(mrr_minor) FROM marts.fct_mrr_daily GROUP BY 1"))
    assert four["v1"] == 4000, "haacked and segmentio/stripe-cohort"
