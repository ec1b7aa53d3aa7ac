"""METRICS §2 up to the native ledger: what each period and line is worth a month, and what an account pays each day.

Where the text leaves room, this is what was decided:
- A canceled row without an end is paid until its canceled_at's day, one canceled before its start not at all;
  at_cancellation cuts every row that has a canceled_at there, but not before its start.
- A subscription period that ends on a told as_of goes on if it is active, was not canceled, no later period of the same
  subscription starts that day, and no period of the account with MRR above 0 does. So does a line with a period.
- In the unfinished month of as_of, the lines without a period of the month before go on (credits too) for a plan that
  no recurring line above 0 was issued for this month, before as_of or after it; but of no plan where the account was
  billed this month for a plan that it was not billed for in the month before. No plan is a plan of its own.
- from_issue: a line is bridged to the next line above 0 of its account and plan, in whatever currency.
- An account whose ledger ends before the tenant's keeps its last day's MRR up to the tenant's as_of.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.support.oracle.billing import DAY, Book, Line, Period, add_months, minor, next_month, rounded_away
from warehouse_models.policies import revenue as revenue_policy

Native = dict[str, int]  # currency → MRR in its minor units; only what is above 0
_LONG = 100_000  # days: no ledger is longer


@dataclass(frozen=True)
class Profile:
    """The policy values of one reading of the ledger."""

    name: str
    week: Fraction
    day: Fraction
    values: dict[str, Any]

    @classmethod
    def own(cls, settings: dict[str, Any]) -> Profile:
        """The tenant's own, `default`."""
        row = revenue_policy.rows(settings)[0]
        values = dict(zip((column for column, _ in revenue_policy.COLUMNS), row, strict=True))
        week = Fraction(values["week_numerator"], values["week_denominator"])
        return cls(row[0], week, Fraction(values["day_numerator"], values["day_denominator"]), values)

    @classmethod
    def named(cls) -> list[Profile]:
        """Every named one: its values replace the defaults, not the tenant's."""
        profiles = revenue_policy.profiles()
        return [
            replace(cls.own({**revenue_policy.defaults(), **values}), name=name) for name, values in profiles.items()
        ]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class Part:
    """Days (`end` exclusive, None: open) on which a period or a line counts with `worth` minor units of MRR.

    `due`: where the contract ends by itself; None: a later start cut it short, or it is open.
    """

    account: str
    currency: str
    worth: int
    start: date
    end: date | None
    period: Period | None = None
    due: date | None = None

    def is_paying(self) -> bool:
        """Whether it has MRR above 0 on any day."""
        return self.worth > 0 and (self.end is None or self.start < self.end)

    def cut(self, end: date | None) -> Part:
        """The same, over at `end` at the latest."""
        return self if end is None else replace(self, end=end if self.end is None else min(self.end, end))


# -- subscriptions -----------------------------------------------------------------------------------------------------
def worth_of(period: Period, profile: Profile) -> int:
    """MRR of a period in minor units of its currency."""
    factor = {
        "month": Fraction(1),
        "year": Fraction(1, 12),
        "week": profile.week,
        "day": profile.day,
    }[period.interval] / period.count
    price = period.gross if profile.is_gross else period.net
    return rounded_away(price * factor * minor(period.currency))


def subscription_parts(book: Book, profile: Profile) -> list[Part]:
    """What every period counts for, before the rule about as_of."""
    chains: dict[str, list[Period]] = defaultdict(list)
    for period in sorted(book.periods, key=lambda p: p.start):
        chains[period.subscription].append(period)
    return [part for chain in chains.values() for part in _chain(chain, profile)]


def _chain(chain: list[Period], profile: Profile) -> list[Part]:
    parts: list[Part] = []
    spell_start, spell_end = date.min, None  # of the past-due spell before
    for place, period in enumerate(chain):
        whole = Part(period.account, period.currency, worth_of(period, profile), period.start, period.end, period)
        if place + 1 < len(chain):
            whole = whole.cut(chain[place + 1].start)
        if period.status == "past_due":
            spell_start = spell_start if spell_end == period.start else period.start
            spell_end = whole.end
        canceled = max(period.start, period.canceled) if period.canceled else None
        if period.status == "canceled" and period.end is None:
            whole = whole.cut(canceled or period.start)
        part = replace(whole, due=period.end if whole.end == period.end else None)
        if profile.is_churn_at_cancellation:
            part = part.cut(canceled)
        if period.status == "past_due":
            part = part.cut(spell_start + timedelta(days=min(profile.past_due_grace_days, _LONG)))
        if {"trialing": profile.is_trial_counted, "paused": profile.is_paused_kept}.get(period.status, True):
            parts.append(part)
    return parts


# -- invoices ----------------------------------------------------------------------------------------------------------
def months_of(start: date, end: date) -> Fraction:
    """Months in a period: whole ones where its ends say so, else its days by the mean month."""
    for months in range(1, (end - start).days // 28 + 2):
        if add_months(start, months) == end or add_months(end, -months) == start:
            return Fraction(months)
    return (end - start).days / Fraction(365, 12)


def invoice_parts(book: Book, account: str, profile: Profile) -> list[tuple[Part, bool]]:
    """(what a line of the account counts for, whether it has a period), before the rule about as_of."""
    lines = [line for line in book.lines if line.account == account]
    end, _ = book.ledger_end(account)
    parts = []
    for line in lines:
        if line.start is not None and line.end is not None:
            worth = rounded_away(line.amount / months_of(line.start, line.end) * minor(line.currency))
            parts.append((Part(account, line.currency, worth, line.start, line.end), True))
            continue
        worth = rounded_away(line.amount * minor(line.currency))
        first, last = _from_issue(line, lines, profile) if profile.is_from_issue else _month(line, lines, end)
        parts.append((Part(account, line.currency, worth, first, last), False))
    return parts


def _from_issue(line: Line, lines: list[Line], profile: Profile) -> tuple[date, date]:
    until = add_months(line.issued, 1)
    # The next line of the plan, a credit is none, whatever its currency.
    later = [o.issued for o in lines if o.start is None and o.plan == line.plan and o.amount > 0]
    later = [day for day in later if day > line.issued]
    if later and until < min(later) <= until + timedelta(days=profile.invoice_gap_days):
        until = min(later)
    return line.issued, until


def _month(line: Line, lines: list[Line], as_of: date) -> tuple[date, date]:
    month, this = line.issued.replace(day=1), as_of.replace(day=1)
    is_unfinished = as_of != next_month(as_of) - DAY
    if is_unfinished and next_month(month) == this:
        now = {o.plan for o in lines if o.amount > 0 and o.issued.replace(day=1) == this}
        before = {o.plan for o in lines if o.amount > 0 and o.issued.replace(day=1) == month}
        if line.plan not in now and not now - before:
            return month, as_of + DAY
    return month, next_month(month)


# -- the ledger --------------------------------------------------------------------------------------------------------
class Ledger:
    """Native MRR of every account and day, as one profile reads it.

    `days`: account → day → currency → MRR, from the account's first paid day to `as_of`; accounts that never paid are
    in none of it. `ends`: account → last day of its own ledger. `returns`: account → first day of each paying spell →
    new or reactivation. `parts`: account → what its subscriptions count for, after all rules.
    """

    def __init__(self, book: Book, profile: Profile) -> None:
        self.book, self.profile = book, profile
        self.parts: dict[str, list[Part]] = {}
        own: dict[str, dict[date, Native]] = {}
        subscribed = subscription_parts(book, profile)
        for account in book.accounts:
            end, _ = book.ledger_end(account)
            parts, lines = self._open_on_as_of(account, [p for p in subscribed if p.account == account])
            self.parts[account] = parts
            own[account] = self._pays([*parts, *lines], end)
        self.ends = {account: book.ledger_end(account)[0] for account, days in own.items() if any(days.values())}
        self.as_of = max(self.ends.values(), default=None)
        self.days: dict[str, dict[date, Native]] = {}
        for account, end in self.ends.items():
            assert self.as_of is not None
            first = min(day for day, native in own[account].items() if native)
            span = [first + DAY * n for n in range((self.as_of - first).days + 1)]
            self.days[account] = {day: own[account].get(min(day, end), {}) for day in span}
        self.returns = {account: self._returns(days) for account, days in self.days.items()}
        self.first = min((min(days) for days in self.days.values()), default=None)

    def _open_on_as_of(self, account: str, parts: list[Part]) -> tuple[list[Part], list[Part]]:
        as_of, is_told = self.book.ledger_end(account)
        first = min((part.start for part in parts if part.is_paying()), default=None)
        lines = [(part.cut(first), has) for part, has in invoice_parts(self.book, account, self.profile)]
        starts = {part.start for part in [*parts, *(line for line, _ in lines)] if part.is_paying()}
        if not is_told or as_of in starts:
            return parts, [line for line, _ in lines]
        longer = as_of + DAY
        for place, part in enumerate(parts):
            period = part.period
            assert period is not None
            # A later period of the same subscription that starts on as_of ends it, paying or not.
            superseded = any(p.subscription == period.subscription and p.start == as_of for p in self.book.periods)
            ends = part.end == period.end == as_of and period.start < as_of
            if ends and period.status == "active" and period.canceled is None and not superseded:
                parts[place] = replace(part, end=longer)
        opened = [replace(line, end=longer) if has and line.end == as_of else line for line, has in lines]
        return parts, [line.cut(first) for line in opened]

    @staticmethod
    def _pays(parts: list[Part], last: date) -> dict[date, Native]:
        days: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for part in parts:
            day, end = part.start, last + DAY if part.end is None else min(part.end, last + DAY)
            while day < end:
                days[day][part.currency] += part.worth
                day += DAY
        return {day: {c: worth for c, worth in native.items() if worth > 0} for day, native in days.items()}

    def _returns(self, days: dict[date, Native]) -> dict[date, str]:
        kinds: dict[date, str] = {}
        last: date | None = None
        for day, native in days.items():
            if native:
                if last is None:
                    kinds[day] = "new"
                elif day - last > DAY:
                    unpaid = (day - last).days - 1
                    kinds[day] = "new" if unpaid > self.profile.reactivation_window_days else "reactivation"
                last = day
        return kinds

    def currencies(self) -> set[str]:
        """Currencies of its MRR."""
        return {currency for days in self.days.values() for native in days.values() for currency in native}

    def contract_currencies(self) -> set[str]:
        """Currencies of its contracts, begun or not."""
        return {part.currency for parts in self.parts.values() for part in parts if part.is_paying()}

    def native(self, account: str, day: date) -> Native:
        """MRR of an account on a day of the ledger, by currency; nothing before its first paid day."""
        return self.days[account].get(day, {})
