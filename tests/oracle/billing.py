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

from tests.history_records import Delivery
from tests.oracle.records import Version, versions_by
from tests.oracle.times import moment
from warehouse_models.currencies import currencies

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


@dataclass
class Book:
    """The current state of one tenant's billing records."""

    deliveries: list[Delivery]

    @cached_property
    def periods(self) -> list[Period]:
        """Every period that is not deleted."""
        key = ("subscription_id", "start_date")
        found = versions_by(
            self._of("subscriptions"), lambda r: tuple(r[name] for name in key), lambda r: r["subscription_id"]
        )
        return [_period(row) for row in _current(found)]

    @cached_property
    def lines(self) -> list[Line]:
        """Every line that recurs, paid or open."""
        found = versions_by(self._of("invoices"), lambda r: r["invoice_line_id"], lambda r: r["invoice_line_id"])
        return [_line(row) for row in _current(found) if _recurs(row)]

    @cached_property
    def rates(self) -> dict[tuple[str, str], dict[date, Fraction]]:
        """(from, to) → day → rate from that day on."""
        key = ("from_currency", "to_currency", "date")
        by_key = lambda r: tuple(r[name] for name in key)  # noqa: E731
        found: dict[tuple[str, str], dict[date, Fraction]] = defaultdict(dict)
        for row in _current(versions_by(self._of("exchange_rates"), by_key, by_key)):
            found[row["from_currency"], row["to_currency"]][_day(row["date"])] = Fraction(str(row["rate"]))
        return found

    def as_of(self, object: str) -> tuple[date, bool] | None:
        """(day, whether it was told) up to which the object's records go; None: nothing was said."""
        said = []
        for told in self._of(object):
            if told.as_of:
                said.append((_day(told.as_of), True))
                continue
            rows = [row for row in told.rows if not row.get("is_deleted")]
            named = [_day(row[name]) for row in rows for name in _SPEAKS[object] if row.get(name)]
            said += [(day, False) for day in named if day < FUTURE]
        return max(said, default=None)

    def ledger_end(self, account: str) -> tuple[date, bool]:
        """The account's last day and whether it was told: that of subscriptions if it has any, else of invoices."""
        has_any = any(period.account == account for period in self.periods)
        return self._ends["subscriptions" if has_any else "invoices"] or (date.min, False)

    @cached_property
    def _ends(self) -> dict[str, tuple[date, bool] | None]:
        return {object: self.as_of(object) for object in _SPEAKS}

    @cached_property
    def accounts(self) -> list[str]:
        """Every account that a period or a line names."""
        return sorted({period.account for period in self.periods} | {line.account for line in self.lines})

    def _of(self, object: str) -> Iterable[Delivery]:
        return (told for told in self.deliveries if told.object == object)


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


def _current(found: dict[Any, list[Version]]) -> list[Row]:
    return [states[-1].fields for states in found.values() if states and not states[-1].deleted]


def _day(told: str) -> date:
    at = moment(told)
    assert at is not None
    return at.date()


def _maybe(told: str | None) -> date | None:
    return _day(told) if told else None


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
    told = row.get("recurring")
    recurring = bool(row.get("period_start")) if told is None else told
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
