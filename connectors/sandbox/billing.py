"""The billing export of a sandbox tenant, and beside it the true ledger: what each account paid a month, on each day.

An account's life is a row of stretches (from, until, cents a month, status); the export says them as periods of one
subscription, the ledger as days. Neither is computed from the other.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from connectors.sandbox.people import Account, People, currency_of
from connectors.sandbox.tenants import SimulatedTenant

_COLUMNS = (
    *("subscription_id", "account_id", "plan", "start_date", "end_date", "amount", "currency", "interval"),
    *("quantity", "status", "canceled_at", "updated_at"),
)
# Name and price of a seat a month, in cents, by segment.
_PLANS = {"enterprise": ("Enterprise", 4_900), "mid-market": ("Business", 2_900), "small business": ("Team", 1_500)}
# What one is worth in euros; rates wander around it.
_IN_EURO = {"USD": 0.92, "GBP": 1.17, "EUR": 1.0}
# A past-due spell keeps its MRR for so many days (policy past_due_grace_days).
_PAST_DUE_DAYS = 30


@dataclass(frozen=True)
class Stretch:
    """Days `start` to `end` (exclusive; None: to the end of the world) on which an account is billed alike."""

    start: date
    end: date | None
    seats: int
    status: str = "active"


def write_billing(
    folder: Path, truth: Path, tenant: SimulatedTenant, people: People, rng: Random, first_day: date, last_day: date
) -> tuple[Path, Path]:
    """Write subscriptions.csv and exchange_rates.csv into `folder`, mrr_daily.csv into `truth`; the first two paths."""
    truth.mkdir(parents=True, exist_ok=True)
    subscriptions, rates = folder / "subscriptions.csv", folder / "exchange_rates.csv"
    lives = {account.id: _life(account, people, tenant, rng, first_day, last_day) for account in people.accounts}
    with subscriptions.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for account in people.accounts:
            writer.writerows(_rows(account, lives[account.id]))
    with rates.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("date", "from_currency", "to_currency", "rate", "updated_at"))
        writer.writerows(_rates(tenant, rng, first_day, last_day))
    with (truth / "mrr_daily.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("account_id", "currency", "date", "mrr_minor"))
        for account in people.accounts:
            writer.writerows(_ledger(account, lives[account.id], last_day))
    return subscriptions, rates


def _life(
    account: Account, people: People, tenant: SimulatedTenant, rng: Random, first_day: date, last_day: date
) -> list[Stretch]:
    """What becomes of an account's contract: by its lifecycle, and by the tenant's manners."""
    start, seats = account.created, account.seats
    span = max(1, (last_day - start).days)

    def after(share: float) -> date:
        return start + timedelta(days=max(1, int(span * share)))

    if account.lifecycle == "never":
        # A trial that nobody used, and that ended.
        return [Stretch(start, min(start + timedelta(days=30), last_day), seats, "trialing")]
    if tenant.hollow and account.segment == "small business" and account.lifecycle in ("steady", "shrinking"):
        # Many small ones leave, the later the more, while the large ones grow: MRR rises and hides it.
        left = last_day - timedelta(days=int((last_day - first_day).days * rng.random() ** 2))
        return [Stretch(start, max(left, start + timedelta(days=20)), seats)]
    if tenant.hollow and account.segment == "enterprise":
        steps = [after(0.5), after(0.7), after(0.85)]
        return _chain([(start, seats), *((day, round(seats * (1.4 + 0.5 * n))) for n, day in enumerate(steps))])
    if account.lifecycle == "growing":
        grown = [(start, max(2, seats // 2)), (after(0.4), seats)]
        if account.id in people.seats_raised:
            day, raised = people.seats_raised[account.id]
            grown.append((max(first_day + timedelta(days=day), after(0.4) + timedelta(days=1)), raised))
        return _chain(grown)
    if account.lifecycle == "shrinking":
        return _chain([(start, seats + seats // 3), (after(0.75), seats), (after(0.9), max(1, seats // 2))])
    if account.lifecycle == "silent":
        # They stop using it first, and pay to the end of what they had ordered.
        end = first_day + timedelta(days=account.closes + 45)
        return [Stretch(start, end if end <= last_day else None, seats)]
    return _eventful(account, rng, start, after, seats)


def _eventful(account: Account, rng: Random, start: date, after: Callable[[float], date], seats: int) -> list[Stretch]:
    """A steady account: most stay as they are; some pause, pay late, or leave and come back."""
    fate = rng.choices(("stay", "pause", "late", "return"), (0.7, 0.1, 0.1, 0.1))[0]
    gone = after(0.6)
    if fate == "stay" or account.lifecycle == "new":
        return [Stretch(start, None, seats)]
    back = gone + timedelta(days={"pause": 45, "late": 20, "return": 75}[fate])
    if back >= after(1.0):
        return [Stretch(start, None, seats)]
    first, last = Stretch(start, gone, seats), Stretch(back, None, seats)
    if fate == "return":
        return [first, last]
    return [first, Stretch(gone, back, seats, "paused" if fate == "pause" else "past_due"), last]


def _chain(steps: list[tuple[date, int]]) -> list[Stretch]:
    """Stretches that touch, the last one open; a step on the day of another takes its place."""
    seats = dict(steps)
    days = sorted(seats)
    return [Stretch(day, until, seats[day]) for day, until in zip(days, [*days[1:], None], strict=True)]


def _rows(account: Account, life: list[Stretch]) -> Iterator[tuple[object, ...]]:
    name, cents = _PLANS[account.segment]
    yearly = account.segment == "enterprise"
    for stretch in life:
        monthly = cents * stretch.seats
        price = monthly * 12 if yearly else monthly
        # Who leaves is canceled two weeks before the last day that is paid for.
        gone = stretch.end is not None and stretch is life[-1] and stretch.status == "active"
        ends = stretch.end if stretch.end is not None else ""
        canceled = stretch.end - timedelta(days=14) if gone and stretch.end else None
        yield (
            *(f"sub-{account.id}", account.id, name, stretch.start, ends, f"{price // 100}.{price % 100:02d}"),
            *(currency_of(account), "year" if yearly else "month", stretch.seats),
            "canceled" if gone else stretch.status,
            f"{max(canceled, stretch.start)}T09:00:00Z" if canceled else "",
            f"{stretch.start}T00:00:00Z",
        )


def _ledger(account: Account, life: list[Stretch], last_day: date) -> Iterator[tuple[object, ...]]:
    _, cents = _PLANS[account.segment]
    for stretch in life:
        paid_until = stretch.end or last_day + timedelta(days=1)
        if stretch.status in ("trialing", "paused"):
            continue
        if stretch.status == "past_due":
            paid_until = min(paid_until, stretch.start + timedelta(days=_PAST_DUE_DAYS))
        day = stretch.start
        while day < paid_until and day <= last_day:
            yield account.id, currency_of(account), day, cents * stretch.seats
            day += timedelta(days=1)


def _rates(tenant: SimulatedTenant, rng: Random, first_day: date, last_day: date) -> Iterator[tuple[object, ...]]:
    """A rate a week of each foreign currency into the tenant's own, from before its first contract on."""
    day = first_day - timedelta(days=1000)
    drift = dict.fromkeys(_IN_EURO, 1.0)
    while day <= last_day:
        for currency in _IN_EURO:
            drift[currency] = 1 + (drift[currency] - 1) * 0.98 + rng.uniform(-0.006, 0.006)
            if currency != tenant.currency:
                own = _IN_EURO[tenant.currency] * drift[tenant.currency]
                rate = f"{_IN_EURO[currency] * drift[currency] / own:.5f}"
                yield day, currency, tenant.currency, rate, f"{day}T16:00:00Z"
        day += timedelta(days=7)
