"""The rows that the published worked examples of revenue are told as: one tenant an example."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def sub(name: str, start: str, amount: float, *, account: str = "cus_1", **more: Any) -> Row:
    """A monthly subscription of an account in USD."""
    made = {"subscription_id": name, "account_id": account, "plan": "gold", "start_date": start, "amount": amount}
    return made | {"currency": "USD", "interval": "month"} | more


def line(name: str, issued: str, amount: float, **more: Any) -> Row:
    """An invoice line of an account in USD."""
    made = {"invoice_line_id": name, "account_id": "cus_1", "issued_at": issued, "amount": amount, "currency": "USD"}
    return made | more


def vectors(folder: Path) -> list[Row]:
    """The normalisation vectors as subscriptions, one a line; quantities are multiplied as a billing system does."""
    with (folder / "mrr_normalisation_vectors.csv").open(newline="") as file:
        return [
            sub(
                f"v{number}",
                "2024-01-01",
                float(Decimal(row["amount_cents"]) * int(row["quantity"]) / 100),
                account=f"v{number}",
                interval=row["interval"],
                interval_count=row["interval_count"],
            )
            for number, row in enumerate(csv.DictReader(file))
        ]


# tenant: (settings, as_of, {object: rows})
CASES: dict[str, tuple[Row, str, dict[str, list[Row]]]] = {
    "syncalytics": (
        {},
        "2025-03-31",
        {
            "subscriptions": [
                # Canceled before its renewal: churn takes effect at the end of the paid year.
                sub("gold", "2024-01-10", 2000, interval="year", end_date="2025-01-10", status="canceled")
                | {"canceled_at": "2024-09-01T10:00:00Z"},
                sub("silver", "2024-01-13", 60, status="canceled", canceled_at="2024-01-27T09:00:00Z"),
                sub("gold again", "2025-03-01", 150),
            ]
        },
    ),
    "emperor": (
        {},
        "2024-02-29",
        {
            "subscriptions": [
                sub("gold", "2024-01-10", 2000, interval="year"),
                sub("gold", "2024-01-17", 3000, interval="year"),
            ],
            # The pro-rated charge is not the new MRR.
            "invoices": [line("pro-rated", "2024-01-17", 980.82, recurring=False)],
        },
    ),
    "gross_churn": (
        {},
        "2024-02-29",
        {
            "subscriptions": [
                sub("a", "2024-01-01", 70, account="a"),
                sub("a", "2024-02-10", 80, account="a"),
                sub("b", "2024-01-01", 10, account="b", end_date="2024-02-15"),
                sub("c", "2024-01-01", 20, account="c"),
                sub("c", "2024-02-20", 10, account="c"),
            ]
        },
    ),
    "growth_day": (
        {},
        "2024-02-29",
        {
            "subscriptions": [
                sub("a", "2024-01-01", 100, account="a"),
                sub("a", "2024-02-10", 110, account="a"),
                sub("b", "2024-02-01", 10, account="b"),
            ]
        },
    ),
    "board": (
        {},
        "2025-01-31",
        {
            "subscriptions": [
                sub("a", "2024-01-01", 10_000_000, account="a"),
                sub("a", "2024-06-01", 14_200_000, account="a"),
                sub("b", "2024-01-01", 12_100_000, account="b"),
                sub("c", "2024-01-01", 1_900_000, account="c", end_date="2024-09-01"),
            ]
        },
    ),
    "proration": (
        {},
        "2024-02-29",
        {
            "invoices": [
                line("jan", "2024-01-01", 12, period_start="2024-01-01", period_end="2024-02-01", plan="12"),
                # The next charge is 24 + 18 - 9 = 33; an MRR summed over invoices would report that.
                line("feb", "2024-02-01", 24, period_start="2024-02-01", period_end="2024-03-01", plan="24"),
                line("used", "2024-02-01", 18, recurring=False),
                line("unused", "2024-02-01", -9, recurring=False),
            ]
        },
    ),
    "zuora": (
        {},
        "2021-04-30",
        {
            "subscriptions": [
                sub("charge", "2021-03-01", 40, list_amount=50),
                sub("charge", "2021-04-01", 52, list_amount=65),
            ]
        },
    ),
    "zuora_gross": (
        {"discounts": "gross"},
        "2021-04-30",
        {
            "subscriptions": [
                sub("charge", "2021-03-01", 40, list_amount=50),
                sub("charge", "2021-04-01", 52, list_amount=65),
            ]
        },
    ),
    "lago": (
        {},
        "2024-02-29",
        {
            "invoices": [
                line(f"{month}-{cents}", f"2024-{month}-15", cents / 100, recurring=True, status="paid")
                for month, fees in (("01", (100, 200)), ("02", (300, 400)))
                for cents in fees
            ]
        },
    ),
    "qzpay_account": (
        {},
        "2024-02-29",
        {
            "subscriptions": [
                sub("sub_1", "2024-01-01", 10),
                sub("sub_1", "2024-02-01", 20),
                sub("sub_2", "2024-01-01", 10, end_date="2024-02-01"),
                sub("sub_3", "2024-02-01", 10),
            ]
        },
    ),
    "qzpay_subscription": (
        {},
        "2024-02-29",
        {
            "subscriptions": [
                sub("sub_1", "2024-01-01", 10, account="1"),
                sub("sub_1", "2024-02-01", 20, account="1"),
                sub("sub_2", "2024-01-01", 10, account="2", end_date="2024-02-01"),
                sub("sub_3", "2024-02-01", 10, account="3"),
            ]
        },
    ),
    "qzpay_churn": (
        {},
        "2024-01-31",
        {
            "subscriptions": [
                sub("a", "2023-12-01", 10, account="a"),
                sub("b", "2023-12-01", 10, account="b", status="canceled", canceled_at="2024-01-15"),
            ]
        },
    ),
    "qzpay_trial": (
        {},
        "2024-01-31",
        {"subscriptions": [sub("a", "2024-01-01", 10), sub("b", "2024-01-01", 10, status="trialing")]},
    ),
}
