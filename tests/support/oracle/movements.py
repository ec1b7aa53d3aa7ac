"""METRICS §2, rules of months and movements: which days are compared, and what a difference between them is called."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from tests.support.oracle.billing import DAY, next_month
from tests.support.oracle.ledger import Ledger, Native
from tests.support.oracle.marts import rounded

LONG_AGO = date.min + 2 * DAY


def movement(paid: bool, pays: bool, before: int, after: int, returned: str) -> str:
    """Type of a movement of an account; "" where there is none."""
    if not paid and not pays:
        return ""
    if not paid:
        return returned
    if not pays:
        return "churn"
    return "" if before == after else "expansion" if after > before else "contraction"


def movement_native(before: Native, after: Native, currency: str, returned: str) -> str:
    """Type of a movement of an account in one currency."""
    b, c = before.get(currency, 0), after.get(currency, 0)
    if bool(b) != bool(c) and before and after:
        return "currency_change"
    return movement(b > 0, c > 0, b, c, returned)


def first_return(ledger: Ledger, account: str, opened: date, closed: date) -> str:
    """What the first paying spell that starts after `opened`, up to `closed`, was; "" where none does."""
    return next((kind for day, kind in ledger.returns[account].items() if opened < day <= closed), "")


def months(ledger: Ledger) -> Iterator[date]:
    """Every month from that of the first paid day to that of as_of."""
    if ledger.first is None or ledger.as_of is None:
        return
    month = ledger.first.replace(day=1)
    while month <= ledger.as_of:
        yield month
        month = next_month(month)


def closing(ledger: Ledger, month: date) -> date:
    """The day on which a month closes; long ago for the months before the first row, which close with nothing."""
    assert ledger.as_of is not None and ledger.first is not None
    return min(_closing_day(ledger, month), ledger.as_of) if month >= ledger.first.replace(day=1) else LONG_AGO


def _closing_day(ledger: Ledger, month: date) -> date:
    return next_month(month) - DAY + timedelta(days=ledger.profile.snapshot_offset_days)


def is_complete(ledger: Ledger, month: date) -> bool:
    """Whether every ledger of an account that ever paid reaches the day on which the month closes."""
    return all(end >= _closing_day(ledger, month) for end in ledger.ends.values())


def paying(ledger: Ledger, day: date) -> list[tuple[str, Native]]:
    """Accounts that pay on a day, with their MRR."""
    return [(account, ledger.native(account, day)) for account in ledger.days if ledger.native(account, day)]


def rates_of(pairs: list[tuple[int, int]], still: list[bool]) -> tuple[float | None, float | None, float | None]:
    """NRR, GRR, logo retention of (MRR then, MRR now) of those that paid then, and whether each still does."""
    base = sum(then for then, _ in pairs)
    net = sum(now for _, now in pairs) / base if base else None
    gross = sum(min(pair) for pair in pairs) / base if base else None
    return rounded(net), rounded(gross), rounded(sum(still) / len(still)) if still else None
