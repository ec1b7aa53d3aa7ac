"""METRICS §2 and §5 in plain Python: every revenue mart from what was delivered, account by account and day by day.

Where the text leaves room, this is what was decided:
- Types of native movements look at whether the account pays in any currency before and after; customers and rates of
  fct_revenue_monthly_native at the currency alone.
- Reactivation window: more unpaid days than that between two paying spells make the return `new`. At month grain an
  account that did not pay at the opening and pays at the closing is what its first paying spell in between was.
- snapshot_instant first_day_after: a month closes on the first day of the next one, or on as_of, and is complete where
  the ledgers reach that day. The first row is the month of the first paid day also where that is the 1st, on which the
  month before closes: it opens with 0, and nothing looks back behind it.
- A contract is due on a paying subscription period's own end, where no later start cut it short (who was dropped
  before, for notice or unpaid, is lost on that day: else at_cancellation would never lose a contract), whether it has
  begun by as_of or not; renewed is the MRR of paying periods of the account that start that day; both at the rate of
  that day, or of the ledger's last if that is earlier.
- The only currency of a tenant without the setting is that of all its MRR, by any profile; of its contracts where
  nobody ever paid. Without a reporting currency the reporting marts are empty. A contract in a currency without a rate
  is listed without amounts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any

from tests.support.oracle.billing import DAY, Book, Records, add_months, minor, next_month, rounded_away
from tests.support.oracle.ledger import Ledger, Native, Part, Profile
from tests.support.oracle.movements import (
    closing,
    first_return,
    is_complete,
    months,
    movement,
    movement_native,
    paying,
    rates_of,
)

Rows = list[tuple[Any, ...]]
MARTS = (
    "fct_mrr_daily",
    "fct_mrr_movements",
    "fct_mrr_movements_native",
    "fct_revenue_monthly",
    "fct_revenue_monthly_profiles",
    "fct_revenue_monthly_native",
    "fct_retention_cohorts",
    "fct_renewals",
)


class Revenue:
    """One tenant's revenue marts."""

    def __init__(self, tenant: str, records: Records, settings: dict[str, Any]) -> None:
        self.tenant, self.book, self.settings = tenant, Book(records), settings
        self.rate_on: dict[tuple[str, date], Fraction] = {}

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger as the tenant's own policies read it."""
        return Ledger(self.book, Profile.own(self.settings))

    @cached_property
    def ledgers(self) -> list[Ledger]:
        """The tenant's own, and one of every named profile."""
        return [self.ledger, *(Ledger(self.book, profile) for profile in Profile.named())]

    @cached_property
    def reporting(self) -> str | None:
        """The reporting currency; None: several and no setting."""
        if currency := self.settings.get("reporting_currency"):
            return str(currency)
        paid = {c for ledger in self.ledgers for c in ledger.currencies()}
        only = paid or {c for ledger in self.ledgers for c in ledger.contract_currencies()}
        return min(only) if len(only) == 1 else None

    def marts(self) -> dict[str, Counter[tuple[Any, ...]]]:
        """Mart → its rows in the columns of its contract."""
        months = self.monthly() if self.reporting else []
        marts: dict[str, Iterable[tuple[Any, ...]]] = {
            "fct_mrr_daily": self.daily(),
            "fct_mrr_movements": self.movements() if self.reporting else [],
            "fct_mrr_movements_native": self.movements_native(),
            "fct_revenue_monthly": [row for name, row in months if name == "default"],
            "fct_revenue_monthly_profiles": [(row[0], name, *row[1:]) for name, row in months],
            "fct_revenue_monthly_native": self.monthly_native(),
            "fct_retention_cohorts": self.cohorts() if self.reporting else [],
            "fct_renewals": self.renewals() if self.reporting else [],
        }
        return {mart: Counter((self.tenant, *row[1:]) for row in rows) for mart, rows in marts.items()}

    # -- money -------------------------------------------------------------------------------------------------------
    def rate(self, currency: str, day: date) -> Fraction:
        """Units of the reporting currency for one of `currency`: the last rate on or before the day."""
        assert self.reporting is not None
        if currency == self.reporting:
            return Fraction(1)
        if (currency, day) not in self.rate_on:
            rates = self.book.rates[currency, self.reporting]
            self.rate_on[currency, day] = rates[max(since for since in rates if since <= day)]
        return self.rate_on[currency, day]

    def value(self, native: Native, day: date) -> int:
        """Minor units of the reporting currency at a day's rates, rounded once."""
        assert self.reporting is not None
        total = sum((Fraction(worth, minor(c)) * self.rate(c, day) for c, worth in native.items()), Fraction(0))
        return rounded_away(total * minor(self.reporting))

    # -- days --------------------------------------------------------------------------------------------------------
    def _steps(self) -> Iterator[tuple[str, date, Native, Native, str]]:
        """(account, day, MRR the day before, MRR, what a return is called) of every day of the ledger."""
        for account, days in self.ledger.days.items():
            returns, before = self.ledger.returns[account], Native()
            for day, after in days.items():
                yield account, day, before, after, returns.get(day, "")
                before = after

    def daily(self) -> Rows:
        """fct_mrr_daily."""
        rows: Rows = []
        for account, day, before, after, _ in self._steps():
            for currency in {*before, *after}:
                worth = after.get(currency, 0)
                shown = self.value({currency: worth}, day) if self.reporting else None
                rows.append(("", account, currency, day, worth, shown))
        return rows

    def movements(self) -> Rows:
        """fct_mrr_movements."""
        rows: Rows = []
        for account, day, before, after, returned in self._steps():
            opening = self.value(before, day - DAY)
            b, c = self.value(before, day), self.value(after, day)
            if opening != b:
                rows.append(("", account, day, "fx", b - opening, opening, b))
            kind = movement(bool(before), bool(after), b, c, returned)
            if kind:
                rows.append(("", account, day, kind, c - b, b, c))
        return rows

    def movements_native(self) -> Rows:
        """fct_mrr_movements_native."""
        rows: Rows = []
        for account, day, before, after, returned in self._steps():
            for currency in {*before, *after}:
                b, c = before.get(currency, 0), after.get(currency, 0)
                kind = movement_native(before, after, currency, returned)
                if kind:
                    rows.append(("", account, currency, day, kind, c - b, b, c))
        return rows

    # -- months ------------------------------------------------------------------------------------------------------
    def monthly(self) -> list[tuple[str, tuple[Any, ...]]]:
        """(profile, row of fct_revenue_monthly) of every profile."""
        return [(ledger.profile.name, row) for ledger in self.ledgers for row in self.months_of(ledger)]

    def months_of(self, ledger: Ledger) -> Rows:
        """fct_revenue_monthly as the policies of a ledger read it."""
        rows: Rows = []
        for month in months(ledger):
            opened, closed = closing(ledger, add_months(month, -1)), closing(ledger, month)
            money, heads = Counter[str](), Counter[str]()
            for account in ledger.days:
                before, after = ledger.native(account, opened), ledger.native(account, closed)
                opening, b, c = self.value(before, opened), self.value(before, closed), self.value(after, closed)
                money.update(opening=opening, fx=b - opening, closing=c)
                kind = movement(bool(before), bool(after), b, c, first_return(ledger, account, opened, closed))
                if kind:
                    money.update({kind: c - b})
                heads.update({"open": bool(before), "close": bool(after)} | ({kind: 1} if kind else {}))
            rates, counts = list[float | None](), []
            for n in (1, 12):
                then = closing(ledger, add_months(month, -n))
                base = [(native, ledger.native(account, closed)) for account, native in paying(ledger, then)]
                pairs = [(self.value(before, then), self.value(now, then)) for before, now in base]
                rates += rates_of(pairs, [bool(now) for _, now in base])
                counts.append(len(base))
            amounts = (money["opening"], money["new"], money["reactivation"], money["expansion"])
            amounts += (-money["contraction"], -money["churn"], money["fx"], money["closing"])
            people = (heads["open"], heads["new"], heads["reactivation"], heads["churn"], heads["close"])
            complete = is_complete(ledger, month)
            rows.append(("", month, complete, self.reporting, *amounts, *people, *rates, *counts))
        return rows

    def monthly_native(self) -> Rows:
        """fct_revenue_monthly_native."""
        ledger, rows = self.ledger, Rows()
        for currency in sorted({c for days in ledger.days.values() for native in days.values() for c in native}):
            for month in months(ledger):
                opened, closed = closing(ledger, add_months(month, -1)), closing(ledger, month)
                money, heads = Counter[str](), Counter[str]()
                for account in ledger.days:
                    before, after = ledger.native(account, opened), ledger.native(account, closed)
                    b, c = before.get(currency, 0), after.get(currency, 0)
                    kind = movement_native(before, after, currency, first_return(ledger, account, opened, closed))
                    money.update({"opening": b, "closing": c} | ({kind: c - b} if kind else {}))
                    step = bool(c) - bool(b) if kind == "currency_change" else 1
                    heads.update({"open": bool(b), "close": bool(c)} | ({kind: step} if kind else {}))
                rates: list[float | None] = []
                for n in (1, 12):
                    then = closing(ledger, add_months(month, -n))
                    base = [(a, native[currency]) for a, native in paying(ledger, then) if currency in native]
                    now = [ledger.native(account, closed).get(currency, 0) for account, _ in base]
                    pairs = [(before, after) for (_, before), after in zip(base, now, strict=True)]
                    rates += rates_of(pairs, [bool(after) for after in now])
                amounts = (money["opening"], money["new"], money["reactivation"], money["expansion"])
                amounts += (-money["contraction"], -money["churn"], money["currency_change"], money["closing"])
                people = (heads["open"], heads["new"], heads["reactivation"], heads["churn"])
                people += (heads["currency_change"], heads["close"])
                rows.append(("", month, is_complete(ledger, month), currency, *amounts, *people, *rates))
        return rows

    # -- cohorts and contracts ---------------------------------------------------------------------------------------
    def cohorts(self) -> Rows:
        """fct_retention_cohorts."""
        ledger, cohorts = self.ledger, defaultdict[date, list[tuple[str, date]]](list)
        for account, days in ledger.days.items():
            cohorts[min(days).replace(day=1)].append((account, min(days)))
        rows: Rows = []
        for cohort, members in cohorts.items():
            base = sum(self.value(ledger.native(account, first), first) for account, first in members)
            age, month = 0, cohort
            while month <= ledger.as_of.replace(day=1) if ledger.as_of else False:
                now = [(ledger.native(account, closing(ledger, month)), first) for account, first in members]
                kept = sum(self.value(native, first) for native, first in now)
                rows.append(("", cohort, age, len(members), sum(bool(native) for native, _ in now), base, kept))
                age, month = age + 1, next_month(month)
        return rows

    def renewals(self) -> Rows:
        """fct_renewals."""
        rows: Rows = []
        for account, parts in self.ledger.parts.items():
            end, _ = self.book.ledger_end(account)
            paid = [part for part in parts if part.is_paying()]
            for day in sorted({part.due for part in paid if part.due}):
                at = min(day, end)
                due = self._together([p for p in paid if p.due == day], at)
                renewed = self._together([p for p in paid if p.start == day], at)
                outcome = "renewed"
                if renewed == 0:
                    outcome = "lost"
                elif renewed is not None and due is not None and renewed < due:
                    outcome = "reduced"
                if day > end or (day == end and renewed == 0):
                    outcome = "open"
                rows.append(("", account, day, due, renewed, outcome))
        return rows

    def _together(self, parts: list[Part], day: date) -> int | None:
        native: dict[str, int] = defaultdict(int)
        for part in parts:
            native[part.currency] += part.worth
        return self.value(native, day) if all(self._has_rate(currency, day) for currency in native) else None

    def _has_rate(self, currency: str, day: date) -> bool:
        rates = self.book.rates.get((currency, self.reporting or ""), {})
        return currency == self.reporting or any(since <= day for since in rates)
