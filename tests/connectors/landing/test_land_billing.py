"""Landing subscriptions, invoices and exchange rates: exact amounts, impossible rows apart, how far a file is true."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.connectors.conftest import Drop
from transforms.runner import run_transforms
from warehouse_models.errors import TenureError
from warehouse_models.policies.policy import check_setting

NOON = "2024-03-01T12:00:00Z"


def subscription(**more: Any) -> dict[str, Any]:
    made = {"subscription_id": "s1", "account_id": "a1", "plan": "gold", "start_date": "2024-01-15", "amount": "30"}
    return made | {"currency": "USD", "interval": "month", "updated_at": NOON} | more


def line(**more: Any) -> dict[str, Any]:
    made = {"invoice_line_id": "l1", "account_id": "a1", "issued_at": "2024-01-15", "amount": "30", "currency": "USD"}
    return made | {"updated_at": NOON} | more


def rate(**more: Any) -> dict[str, Any]:
    made = {"date": "2024-01-01", "from_currency": "EUR", "to_currency": "USD", "rate": "1.0956"}
    return made | {"updated_at": NOON} | more


@pytest.mark.parametrize(
    ("amount", "held"),
    [
        ("30.00", "30"),
        (30, "30"),
        (0.1, "0.1"),
        ("1e3", "1000"),
        ("-0", "0"),
        ("123456789012.123456789012", "123456789012.123456789012"),
    ],
)
def test_an_amount_is_kept_exactly_in_one_spelling(drop: Drop, amount: Any, held: str) -> None:
    assert drop.land_rows("subscriptions", subscription(amount=amount)).accepted == 1
    assert json.loads(drop.bronze("subscriptions")[0]["payload"])["amount"] == held


def test_a_json_number_keeps_the_digits_that_a_float_would_lose(drop: Drop) -> None:
    text = json.dumps(line(amount=0)).replace('"amount": 0', '"amount": 12345678901.123456789')
    assert drop.land_rows("invoices", text).accepted == 1
    assert json.loads(drop.bronze("invoices")[0]["payload"])["amount"] == "12345678901.123456789"


@pytest.mark.parametrize(
    ("object", "row", "code"),
    [
        ("subscriptions", subscription(end_date="2024-01-14"), "end_before_start"),
        ("subscriptions", subscription(currency="ZZZ"), "unknown_currency"),
        ("subscriptions", subscription(currency="XAU"), "unknown_currency"),
        ("subscriptions", subscription(amount="-1"), "negative_price"),
        ("subscriptions", subscription(amount="1,000.00"), "bad_number"),
        ("subscriptions", subscription(amount="NaN"), "bad_number"),
        ("subscriptions", subscription(amount="1e30"), "too_large"),
        ("subscriptions", subscription(amount="0.0000000000001"), "too_fine"),
        ("subscriptions", subscription(interval="fortnight"), "unknown_value"),
        ("subscriptions", subscription(interval_count=0), "bad_integer"),
        ("subscriptions", subscription(status="cancelled"), "unknown_value"),
        ("subscriptions", subscription(plan=""), "missing"),
        ("subscriptions", subscription(start_date=None), "no_key"),
        ("subscriptions", subscription(start_date="15.01.2024"), "not_iso_date"),
        ("invoices", line(period_start="2024-01-01"), "half_period"),
        ("invoices", line(period_end="2024-01-01"), "half_period"),
        ("invoices", line(period_start="2024-01-01", period_end="2024-01-01"), "empty_period"),
        ("invoices", line(recurring="maybe"), "bad_boolean"),
        ("invoices", line(issued_at=None), "missing"),
        ("exchange_rates", rate(rate=0), "bad_rate"),
        ("exchange_rates", rate(to_currency="EUR"), "same_currency"),
        ("exchange_rates", rate(date=""), "no_key"),
    ],
)
def test_an_impossible_row_is_apart_with_its_reason_and_its_neighbour_lands(
    drop: Drop, object: str, row: dict[str, Any], code: str
) -> None:
    good = {"subscriptions": subscription, "invoices": line, "exchange_rates": rate}[object]
    report = drop.land_rows(object, row, good(**{"subscription_id": "s2"} if object == "subscriptions" else {}))
    assert (report.accepted, report.quarantined) == (1, 1)
    assert drop.codes() == [code]


def test_two_prices_for_one_key_and_time_are_both_apart(drop: Drop) -> None:
    report = drop.land_rows("subscriptions", subscription(amount="30"), subscription(amount="31"))
    assert (report.accepted, report.quarantined) == (0, 2)
    assert drop.codes() == ["conflict", "conflict"]


def test_a_new_price_is_a_new_period_and_another_amount_for_a_period_is_a_correction(drop: Drop) -> None:
    drop.land_rows("subscriptions", subscription(), subscription(start_date="2024-02-15", amount="40"))
    drop.land_rows("subscriptions", subscription(amount="35", updated_at="2024-03-02"), name="more.jsonl")
    run_transforms(drop.lake, "pool")
    held = drop.table("silver/billing/subscriptions", "start_date::text AS d, amount::text AS a, is_current", "1, 2")
    assert [(row["d"], row["a"].rstrip("0").rstrip("."), row["is_current"]) for row in held] == [
        ("2024-01-15", "30", False),
        ("2024-01-15", "35", True),
        ("2024-02-15", "40", True),
    ]


def test_a_complete_delivery_replaces_every_period_of_the_subscriptions_it_names(drop: Drop) -> None:
    old = [subscription(), subscription(start_date="2024-02-15"), subscription(subscription_id="s2")]
    drop.land_rows("subscriptions", *old)
    new = subscription(start_date="2024-01-20", updated_at=None)
    drop.land_rows("subscriptions", new, name="new.jsonl", complete=True, as_of="2024-04-01")
    run_transforms(drop.lake, "pool")
    held = drop.table("silver/billing/subscriptions", "subscription_id AS s, start_date::text AS d", "1, 2")
    assert [(row["s"], row["d"]) for row in held] == [("s1", "2024-01-20"), ("s2", "2024-01-15")]


def test_a_deletion_needs_its_key_only(drop: Drop) -> None:
    drop.land_rows("subscriptions", subscription())
    gone = {"subscription_id": "s1", "start_date": "2024-01-15", "is_deleted": True, "updated_at": "2024-03-05"}
    assert drop.land_rows("subscriptions", gone, name="gone.jsonl").accepted == 1
    run_transforms(drop.lake, "pool")
    (last,) = [row for row in drop.table("silver/billing/subscriptions") if row["is_current"]]
    assert (last["is_deleted"], last["subscription_id"], last["amount"]) == (True, "s1", None)


def as_of(drop: Drop) -> list[tuple[Any, ...]]:
    run_transforms(drop.lake, "pool", only=["silver/billing/as_of"])
    return [tuple(row.values()) for row in drop.table("silver/billing/as_of", "object, as_of::text, is_told")]


def test_the_latest_day_a_file_speaks_of_is_its_as_of_unless_one_is_told(drop: Drop) -> None:
    rows = (
        subscription(start_date="2024-01-15", end_date="2026-01-01"),
        subscription(subscription_id="s2", start_date="2024-02-01", canceled_at="2024-02-20T10:00:00Z"),
        subscription(subscription_id="s3", start_date="2999-01-01"),
    )
    (file,) = drop.land_rows("subscriptions", *rows).files
    assert (file.as_of, file.is_as_of_told) == ("2024-02-20", False), "neither an end nor a day after the landing"
    assert as_of(drop) == [("subscriptions", "2024-02-20", False)]
    gone = {"subscription_id": "s9", "start_date": "2024-06-01", "is_deleted": True, "updated_at": NOON}
    (file,) = drop.land_rows("subscriptions", gone, name="gone.jsonl").files
    assert file.as_of is None, "a deletion speaks of no day"
    assert as_of(drop) == [("subscriptions", "2024-02-20", False)]
    (file,) = drop.land_rows("invoices", line(period_start="2024-02-01", period_end="2024-06-01")).files
    assert file.as_of == "2024-01-15", "the period of a line does not count"
    # A file that was true at a day says nothing of the later days that stand in it.
    later = subscription(subscription_id="s4", start_date="2024-05-01")
    (file,) = drop.land_rows("subscriptions", later, name="told.jsonl", as_of="2024-03-31").files
    assert (file.as_of, file.is_as_of_told) == ("2024-03-31", True)
    assert as_of(drop) == [("invoices", "2024-01-15", False), ("subscriptions", "2024-03-31", True)]
    drop.land_rows("subscriptions", subscription(subscription_id="s5", start_date="2024-03-31"), name="same.jsonl")
    assert as_of(drop)[1] == ("subscriptions", "2024-03-31", True), "of one day the told one counts"


@pytest.mark.parametrize(
    ("key", "value", "held"),
    [
        ("week_factor", "30/7", "30/7"),
        ("week_factor", "4.33", "433/100"),
        ("past_due_grace_days", "unlimited", "unlimited"),
        ("past_due_grace_days", "14", 14),
        ("paused", "kept", "kept"),
        ("reporting_currency", "JPY", "JPY"),
    ],
)
def test_a_revenue_policy_is_a_setting_in_one_spelling(key: str, value: str, held: Any) -> None:
    assert check_setting(key, value) == held


@pytest.mark.parametrize(
    ("key", "value"),
    [("week_factor", "0"), ("week_factor", "a"), ("paused", "half"), ("invoice_gap_days", "unlimited")]
    + [("past_due_grace_days", "-1"), ("reporting_currency", "XXX")],
)
def test_a_revenue_policy_that_cannot_be_is_refused_with_what_can(key: str, value: str) -> None:
    with pytest.raises(TenureError, match=key):
        check_setting(key, value)
