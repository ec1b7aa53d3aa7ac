"""What billing records say now, in plain Python (DESIGN §3 and §8, METRICS §2): periods, lines, rates, and how far.

`as_of` of an object: every file says one, told by `--as-of` or else the latest date that its rows speak of; the latest
of all files holds, and it is told if a file told that day. A deletion speaks of no date.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any

from tests.support.histories.records import Delivery
from tests.support.oracle.records import versions_by
from tests.support.oracle.times import moment
from warehouse_models.policies.currencies import currencies

Row = dict[str, Any]
DAY = timedelta(days=1)
# Histories lie before the test's landings, but for dates after this one, which are after every landing.
FUTURE = date(2100, 1, 1)
# Dates of a file by which it says how far it goes; ends and the periods of lines do not count.
_SPEAKS = {"subscriptions": ("start_date", "canceled_at"), "invoices": ("issued_at", "paid_at")}


@dataclass(frozen=True)
class Period:
    """A period of a subscription as its row says it; `gross` is the price before discount, where told."""

    subscription: str
    account: str
    plan: str
    start: date
    end: date | None
    net: Fraction
    gross: Fraction
    currency: str
    interval: str
    count: int
    status: str
    canceled: date | None


@dataclass(frozen=True)
class Line:
    """An invoice line that recurs and counts (paid or open)."""

    account: str
    plan: str | None
    issued: date
    start: date | None
    end: date | None
    amount: Fraction
    currency: str


# Object → what names one of its records.
_KEYS: dict[str, tuple[str, ...]] = {
    "subscriptions": ("subscription_id", "start_date"),
    "invoices": ("invoice_line_id",),
    "exchange_rates": ("from_currency", "to_currency", "date"),
}
# A complete file replaces all records of a subscription, of an invoice line, of a rate.
_REPLACED = {"subscriptions": 1, "invoices": 1, "exchange_rates": 3}
OBJECTS = tuple(_KEYS)


@dataclass(frozen=True)
class Records:
    """One state of a tenant's billing records: `by_key` of each object what is not deleted, and how far they go.

    `as_of`: object → (day, whether it was told) up to which its records go; None: nothing was said.
    """

    by_key: dict[str, dict[Any, Row]]
    as_of: dict[str, tuple[date, bool] | None]

    @classmethod
    def of(cls, deliveries: Iterable[Delivery]) -> Records:
        """What the deliveries come to."""
        landed = list(deliveries)
        by_key = {object: _current_of(object, [d for d in landed if d.object == object]) for object in _KEYS}
        return cls(by_key, {object: _said([d for d in landed if d.object == object], object) for object in _SPEAKS})


@dataclass
class Book:
    """A state of one tenant's billing records, read."""

    records: Records

    @cached_property
    def periods(self) -> list[Period]:
        """Every period that is not deleted."""
        return [_period(row) for row in self.records.by_key["subscriptions"].values()]

    @cached_property
    def lines(self) -> list[Line]:
        """Every line that recurs, paid or open."""
        return [_line(row) for row in self.records.by_key["invoices"].values() if _recurs(row)]

    @cached_property
    def rates(self) -> dict[tuple[str, str], dict[date, Fraction]]:
        """(from, to) → day → rate from that day on."""
        rates: dict[tuple[str, str], dict[date, Fraction]] = defaultdict(dict)
        for row in self.records.by_key["exchange_rates"].values():
            rates[row["from_currency"], row["to_currency"]][_day(row["date"])] = Fraction(str(row["rate"]))
        return rates

    def ledger_end(self, account: str) -> tuple[date, bool]:
        """The account's last day and whether it was told: that of subscriptions if it has any, else of invoices."""
        has_any = any(period.account == account for period in self.periods)
        return self.records.as_of["subscriptions" if has_any else "invoices"] or (date.min, False)

    @cached_property
    def accounts(self) -> list[str]:
        """Every account that a period or a line names."""
        return sorted({period.account for period in self.periods} | {line.account for line in self.lines})


def minor(currency: str) -> int:
    """Minor units in one of the currency."""
    return 10 ** currencies()[currency].digits


def rounded_away(value: Fraction) -> int:
    """The nearest whole number, a half away from zero."""
    size = (abs(value) * 2 + 1) // 2
    return int(size if value >= 0 else -size)


def add_months(day: date, months: int) -> date:
    """The same day of another month; its last day where it lacks that one."""
    place = day.year * 12 + day.month - 1 + months
    first = date(place // 12, place % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), next_month(first) - DAY)


def next_month(day: date) -> date:
    """First day of the month after."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _current_of(object: str, deliveries: list[Delivery]) -> dict[Any, Row]:
    names = _KEYS[object]
    versions = versions_by(
        deliveries,
        lambda row: tuple(row[name] for name in names),
        lambda row: tuple(row[name] for name in names[: _REPLACED[object]]),
    )
    return {key: v[-1].fields for key, v in versions.items() if v and not v[-1].deleted}


def _said(deliveries: list[Delivery], object: str) -> tuple[date, bool] | None:
    said = []
    for delivery in deliveries:
        if delivery.as_of:
            said.append((_day(delivery.as_of), True))
            continue
        rows = [row for row in delivery.rows if not row.get("is_deleted")]
        named = [_day(row[name]) for row in rows for name in _SPEAKS[object] if row.get(name)]
        said += [(day, False) for day in named if day < FUTURE]
    return max(said, default=None)


def _day(text: str) -> date:
    at = moment(text)
    assert at is not None
    return at.date()


def _maybe(text: str | None) -> date | None:
    return _day(text) if text else None


def _period(row: Row) -> Period:
    net = Fraction(str(row["amount"]))
    return Period(
        subscription=row["subscription_id"],
        account=row["account_id"],
        plan=row["plan"],
        start=_day(row["start_date"]),
        end=_maybe(row.get("end_date")),
        net=net,
        gross=Fraction(str(row["list_amount"])) if row.get("list_amount") else net,
        currency=row["currency"],
        interval=row["interval"],
        count=int(row.get("interval_count") or 1),
        status=row.get("status") or "active",
        canceled=_maybe(row.get("canceled_at")),
    )


def _recurs(row: Row) -> bool:
    flag = row.get("recurring")
    recurring = bool(row.get("period_start")) if flag is None else flag
    return recurring and (row.get("status") or "open") in ("paid", "open")


def _line(row: Row) -> Line:
    return Line(
        account=row["account_id"],
        plan=row.get("plan"),
        issued=_day(row["issued_at"]),
        start=_maybe(row.get("period_start")),
        end=_maybe(row.get("period_end")),
        amount=Fraction(str(row["amount"])),
        currency=row["currency"],
    )
