"""Billing histories that try to break the rules of METRICS §2: few accounts, few days, borders and equal days often.

A history is a pure function of a seed, as in `events.py`. Rates are told from long before the first MRR on, so that
none is ever missing.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from tests.support.histories.events import History
from tests.support.histories.records import Delivery

Row = dict[str, Any]
ACCOUNTS = ("acme", "globex", "initech", "umbrella")
CURRENCIES = ("USD", "EUR", "JPY", "KWD")
PLANS = ("basic", "pro", "team")
STARTS = (date(2022, 12, 31), date(2023, 1, 31), date(2023, 2, 1), date(2023, 6, 15), date(2023, 10, 30))
AMOUNTS = ("0", "0.004", "0.01", "0.06", "7", "33.335", "49.99", "99.999", "100", "120", "999.5", "1200", "12345.678")
RATES = ("0.0067", "0.5", "0.92345", "1", "1.0833333", "3.25", "147.125", "0.00333333")
# Lengths of periods and gaps in days; 30, 15 and 0 are days of grace, 14 to 16 the borders of an invoice gap.
LENGTHS = (1, 14, 28, 29, 30, 31, 59, 90, 91, 365, 366)
GAPS = (0, 0, 0, 0, 1, 2, 14, 15, 16, 30, 31, 62, -1, -10)
DAY = timedelta(days=1)
# Values of policies other than the defaults.
POLICIES: dict[str, tuple[Any, ...]] = {
    "week_factor": ("30/7", "4"),
    "day_factor": ("30", "30.4"),
    "churn_recognition": ("at_cancellation",),
    "paused": ("kept",),
    "past_due_grace_days": (0, 1, 15, 45, "unlimited"),
    "reactivation_window_days": (0, 1, 14, 15, 30, 31),
    "snapshot_instant": ("first_day_after",),
    "trials": ("counted",),
    "discounts": ("gross",),
    "unperioded_lines": ("from_issue",),
    "invoice_gap_days": (0, 1, 14, 30),
}
_STATUSES = ("active",) * 9 + ("trialing", "paused", "past_due", "past_due", "canceled", "canceled")


def billing_history(seed: int, batches: int = 3) -> History:
    """The billing history of a seed."""
    return Tale(Random(seed)).history(batches)


class Tale:
    """What happened to one tenant's billing: rows by object, then versions, deletions and files."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.first = rng.choice(STARTS) + DAY * rng.choice((0, 0, 0, 11))
        self.last = self._end(self.first + DAY * rng.randint(40, 520))
        span = (self.last - self.first).days
        some = [self.first + DAY * rng.randint(0, span) for _ in range(4)]
        ends = [_month_end(day) for day in some]
        near = [self.last + DAY * n for n in (-31, -30, -1, 0, 0, 0, 1)] + [self.last.replace(day=1)]
        self.borders = [*some, *ends, *(day + DAY for day in ends), *near, self.first, self.first]
        self.accounts = ACCOUNTS[: rng.randint(1, 4)]
        self.palette = rng.sample(CURRENCIES, rng.choice((1, 1, 2, 3)))
        self.settings = self._settings()
        self.serial = 0

    def _end(self, day: date) -> date:
        return self.rng.choice((day, day, _month_end(day), _month_end(day) + DAY, _month_end(day) - DAY))

    def _settings(self) -> dict[str, Any]:
        rng, settings = self.rng, dict[str, Any]()
        self.reporting: str | None = self.palette[0]
        if len(self.palette) > 1 or rng.random() < 0.4:
            if rng.random() < 0.15:
                self.reporting = None
            else:
                self.reporting = settings["reporting_currency"] = rng.choice((*self.palette, "EUR", "JPY"))
        for name, values in POLICIES.items():
            if rng.random() < (0.35 if name == "unperioded_lines" else 0.2):
                settings[name] = rng.choice(values)
        return settings

    def history(self, batches: int) -> History:
        """Every file, in a batch of its own choosing."""
        landed: list[list[Delivery]] = [[] for _ in range(batches)]
        landed[0] += self._first_rates()
        for object, rows in (
            ("subscriptions", self._subscriptions()),
            ("invoices", self._invoices() if self.rng.random() < 0.6 else []),
            ("exchange_rates", self._rates()),
        ):
            for place, delivery in enumerate(self._deliveries(object, self._versions(object, rows))):
                landed[min(place, batches - 1) if self.rng.random() < 0.8 else self.rng.randrange(batches)].append(
                    delivery
                )
        if self.rng.random() < 0.25:
            landed[self.rng.randrange(batches)].append(self._complete())
        if self.rng.random() < 0.1:
            # A deletion speaks of no date: as_of stays where it is.
            start = self.last + DAY * 40
            row = {**self._period("gone", "acme", self.palette[0], start)[0], "updated_at": self.stamp()}
            landed[-1].append(Delivery("subscriptions", [row | {"is_deleted": True}]))
        return History(landed, self.settings)

    # -- days and amounts --------------------------------------------------------------------------------------------
    def day(self) -> date:
        """A day of the ledger; most lie on a border."""
        if self.rng.random() < 0.6:
            return max(self.first, self.rng.choice(self.borders))
        return self.first + DAY * self.rng.randint(0, (self.last - self.first).days)

    def currency(self, usual: str) -> str:
        """The usual one, or now and then another."""
        return usual if self.rng.random() < 0.8 else self.rng.choice(self.palette)

    def name(self, kind: str) -> str:
        """A name that nothing had."""
        self.serial += 1
        return f"{kind}{self.serial}"

    def stamp(self) -> str:
        """When something became true: around the days that files are true on, so that --complete meets them."""
        day = self.first + DAY * self.rng.randint(0, (self.last - self.first).days + 20)
        return f"{day}T{self.rng.randint(0, 23):02}:{self.rng.randint(0, 59):02}:00.{self.rng.randint(0, 999999):06}Z"

    # -- subscriptions -----------------------------------------------------------------------------------------------
    def _subscriptions(self) -> list[Row]:
        count = self.rng.choice((0, 1, 2, 3, 4))
        return [row for _ in range(count) for row in self._chain(self.name("s"))]

    def _chain(self, subscription: str) -> list[Row]:
        """Periods of one subscription: touching, apart or overlapping."""
        rng, rows = self.rng, dict[date, Row]()
        account, usual = rng.choice(self.accounts), rng.choice(self.palette)
        start = self.first if rng.random() < 0.3 else self.day()
        for _ in range(rng.randint(1, 5)):
            row, end = self._period(subscription, account, usual, start)
            rows[start] = row
            after = end or start + DAY * rng.choice(LENGTHS)
            start = max(self.first, after + DAY * rng.choice(GAPS)) if rng.random() < 0.85 else self.day()
            # Nothing starts after the day on which this test runs: the clock is no part of a history.
            start = start if start < self.last + 62 * DAY else self.day()
        return list(rows.values())

    def _period(self, subscription: str, account: str, usual: str, start: date) -> tuple[Row, date | None]:
        rng = self.rng
        end: date | None = start + DAY * rng.choice(LENGTHS)
        if rng.random() < 0.3:
            later = [day for day in (*self.borders, self.last, self.last) if day > start]
            end = rng.choice(later) if later else end
        if rng.random() < 0.3:
            end = None
        elif rng.random() < 0.02:
            end = start
        row: Row = {"subscription_id": subscription, "start_date": str(start), "account_id": account}
        row |= {"plan": rng.choice(PLANS), "amount": rng.choice(AMOUNTS), "currency": self.currency(usual)}
        row |= {"interval": rng.choice(("month", "month", "month", "year", "week", "day"))}
        if end:
            row["end_date"] = str(end)
        if rng.random() < 0.3:
            row["interval_count"] = rng.choice((1, 2, 3, 6, 7, 12))
        if rng.random() < 0.2:
            row["quantity"] = rng.choice(("1", "3", "2.5"))
        if rng.random() < 0.2:
            row["list_amount"] = rng.choice(AMOUNTS)
        status = rng.choice(_STATUSES)
        if status != "active" or rng.random() < 0.5:
            row["status"] = status
        if rng.random() < (0.7 if status == "canceled" else 0.07):
            day = rng.choice((start, start - DAY * 3, start + DAY * rng.choice(LENGTHS), end or start, self.day()))
            row["canceled_at"] = f"{day}T{rng.choice((0, 0, 23)):02}:00:00Z" if rng.random() < 0.97 else "2199-01-01"
        return row, end

    # -- invoices ----------------------------------------------------------------------------------------------------
    def _invoices(self) -> list[Row]:
        rng, rows = self.rng, list[Row]()
        for _ in range(rng.randint(1, 4)):
            account, usual = rng.choice(self.accounts), rng.choice(self.palette)
            kind = rng.choice(("periods", "annual", "plain", "plain", "once"))
            rows += self._lines(kind, account, usual)
        return rows + (self._ending() if rng.random() < 0.5 else [])

    def _ending(self) -> list[Row]:
        """The months around as_of of an account without subscriptions: lines that are due and came, or did not."""
        rng, rows = self.rng, list[Row]()
        month, usual = self.last.replace(day=1), rng.choice(self.palette)
        for plan in rng.sample((*PLANS, None), rng.randint(1, 3)):
            for first in (_later(month, -1), month):
                for _ in range(rng.choice((0, 1, 1, 2))):
                    row: Row = {"invoice_line_id": self.name("l"), "account_id": "solo", "recurring": True}
                    row |= {"currency": self.currency(usual), "amount": rng.choice(("-20", "50", "80.5", "120"))}
                    row["issued_at"] = str(rng.choice((first, first + DAY * rng.randint(0, 27), _month_end(first))))
                    rows.append(row | ({"plan": plan} if plan else {}))
        for _ in range(rng.choice((0, 0, 1, 2))):
            # Periods that end on as_of, begin on it, or run from one month's last day to the next one's.
            end = rng.choice((self.last, self.last, _later(self.last, 1), _month_end(month)))
            start = (
                self.last if end > self.last else rng.choice((_later(end, -1), _month_end(_later(end, -1)), end - DAY))
            )
            row = {"invoice_line_id": self.name("l"), "account_id": "solo", "amount": rng.choice(("30", "-5", "99.99"))}
            row |= {"issued_at": str(start), "currency": usual, "period_start": str(start), "period_end": str(end)}
            rows.append(row)
        return rows

    def _lines(self, kind: str, account: str, usual: str) -> list[Row]:
        """Lines one after the other, of one plan most of the time, and a credit for some."""
        rng, rows = self.rng, list[Row]()
        plan, day = rng.choice((*PLANS, None)), self.first if rng.random() < 0.3 else self.day()
        for _ in range(1 if kind == "once" else rng.randint(1, 9)):
            row: Row = {"invoice_line_id": self.name("l"), "account_id": account, "issued_at": self._issued(day)}
            row |= {"amount": rng.choice(AMOUNTS[1:]), "currency": self.currency(usual)}
            if rng.random() < 0.15:
                plan = rng.choice((*PLANS, None))
            if plan:
                row["plan"] = plan
            months = 12 if kind == "annual" else rng.choice((1, 1, 1, 3))
            end = _later(day, months) if rng.random() < 0.7 else day + DAY * rng.choice(LENGTHS)
            if kind in ("periods", "annual"):
                start = day + DAY * rng.choice((0, 0, 0, 3, -3))
                end = max(end, start + DAY)
                row |= {"period_start": str(start), "period_end": str(end)}
                if rng.random() < 0.1:
                    row["recurring"] = rng.choice((True, False))
            elif kind == "plain":
                row["recurring"] = True
                end = _later(day, 1) + DAY * rng.choice((0, 0, 0, -1, 1, 5, 14, 15, 16))
            elif rng.random() < 0.5:
                row["recurring"] = False
            if rng.random() < 0.3:
                row["status"] = rng.choice(("paid", "open", "void", "uncollectible"))
            if rng.random() < 0.2:
                row["paid_at"] = f"{day + DAY * 5}T10:00:00Z" if rng.random() < 0.95 else "2199-01-01"
            rows.append(row)
            if rng.random() < 0.15:
                credit = row | {"invoice_line_id": self.name("l"), "amount": "-" + rng.choice(AMOUNTS[1:])}
                credit["issued_at"] = self._issued(day + DAY * rng.choice((0, 0, 1, 7, 29)))
                if rng.random() < 0.3:
                    credit["recurring"] = False
                rows.append(credit)
            day = end
            if day > self.last and rng.random() < 0.8 or day > self.last + 62 * DAY:
                break
        return rows

    def _issued(self, day: date) -> str:
        return str(day) if self.rng.random() < 0.5 else f"{day}T{self.rng.choice(('00:00:00', '23:59:59'))}Z"

    # -- rates -------------------------------------------------------------------------------------------------------
    def _first_rates(self) -> list[Delivery]:
        day, rows = self.first - DAY * 400, list[Row]()
        for currency in CURRENCIES:
            if self.reporting and currency != self.reporting:
                rows.append(self._rate(currency, self.reporting, day) | {"updated_at": f"{day}T00:00:00Z"})
        return [Delivery("exchange_rates", rows)] if rows else []

    def _rate(self, source: str, target: str, day: date) -> Row:
        return {"date": str(day), "from_currency": source, "to_currency": target, "rate": self.rng.choice(RATES)}

    def _rates(self) -> list[Row]:
        rng, rows = self.rng, dict[tuple[str, str, str], Row]()
        for _ in range(rng.choice((0, 2, 6, 12))):
            source, target = rng.sample(CURRENCIES, 2)
            target = self.reporting if self.reporting and source != self.reporting else target
            run, day = rng.choice((1, 1, 1, 5)), self.day()
            for n in range(run):
                row = self._rate(source, target, day + DAY * n)
                rows[source, target, row["date"]] = row
        return list(rows.values())

    # -- versions and files ------------------------------------------------------------------------------------------
    def _versions(self, object: str, rows: list[Row]) -> list[Row]:
        """What was said of each row, in the order of landing: the row, corrections, deletions, contradictions."""
        rng, said = self.rng, list[Row]()
        for row in rows:
            first = row | {"updated_at": self.stamp()}
            said.append(first)
            for _ in range(rng.choice((0, 0, 0, 0, 1, 2))):
                change = self._change(object, row)
                # At the very same time two states contradict each other, and the key has none.
                said.append(change | {"updated_at": first["updated_at"] if rng.random() < 0.05 else self.stamp()})
        if rng.random() < 0.5:
            rng.shuffle(said)
        return said

    def _change(self, object: str, row: Row) -> Row:
        rng = self.rng
        if rng.random() < 0.15:
            return row | {"is_deleted": True}
        if object == "exchange_rates":
            return row | {"rate": rng.choice(RATES)}
        changed = row | {"amount": rng.choice(AMOUNTS[1:])}
        if object == "subscriptions" and rng.random() < 0.4:
            key = {"subscription_id": row["subscription_id"], "start_date": row["start_date"]}
            start = date.fromisoformat(row["start_date"])
            changed = self._period(row["subscription_id"], rng.choice(self.accounts), row["currency"], start)[0] | key
        if object == "invoices" and rng.random() < 0.3:
            changed["status"] = rng.choice(("paid", "void"))
        return changed

    def _deliveries(self, object: str, said: list[Row]) -> list[Delivery]:
        rng, deliveries = self.rng, list[Delivery]()
        is_dated = rng.random() < 0.6
        cuts = sorted(rng.randint(0, len(said)) for _ in range(rng.choice((0, 1, 2, 2))))
        for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True):
            if start < end:
                has_as_of = object != "exchange_rates" and is_dated and rng.random() < 0.7
                deliveries.append(Delivery(object, said[start:end], str(self._true_on()) if has_as_of else None))
        return deliveries

    def _true_on(self) -> date:
        return self.rng.choice((self.last, self.last, self.last, self.last - DAY * self.rng.randint(1, 20), self.day()))

    def _complete(self) -> Delivery:
        """A file that replaces what was said of a subscription or two."""
        rows = [row for n in self.rng.sample((1, 2, 3), self.rng.randint(1, 2)) for row in self._chain(f"s{n}")]
        as_of = str(self._true_on()) if self.rng.random() < 0.7 else None
        return Delivery("subscriptions", [r | {"updated_at": self.stamp()} for r in rows], as_of, complete=True)


def _month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - DAY


def _later(day: date, months: int) -> date:
    place = day.year * 12 + day.month - 1 + months
    first = date(place // 12, place % 12 + 1, 1)
    return min(first + DAY * (day.day - 1), _month_end(first))
