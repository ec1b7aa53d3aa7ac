"""fct_retention_bridge and fct_grain_bridge in plain Python: why two readings of one month differ, account by account.

Where the text leaves room, this is what was decided:
- The policies of a profile change in the order of policies/revenue.v1.yaml, from the tenant's values to the profile's.
- An account that pays but whose amount rounds to 0 is in the base with 0, and may be kept with more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.support.oracle.billing import add_months
from tests.support.oracle.ledger import Ledger, Profile
from tests.support.oracle.marts import rounded
from tests.support.oracle.movements import closing, first_return, months, movement, paying
from tests.support.oracle.revenue import Revenue, Rows
from warehouse_models.policies import revenue as revenue_policy

MARTS = ("fct_retention_bridge", "fct_grain_bridge")
# (month, look-back) → account of the base → (MRR then, MRR now at the rates of then).
Bases = dict[tuple[date, int], dict[str, tuple[int, int]]]
# A customer counts in these, so that a month may differ in them although the money is the same.
_COUNTED = ("new", "reactivation", "churn")


def bridges(revenue: Revenue) -> dict[str, Counter[tuple[Any, ...]]]:
    """Mart → its rows in the columns of its contract; without a reporting currency there are none."""
    marts = {"fct_retention_bridge": retention_bridge(revenue), "fct_grain_bridge": grain_bridge(revenue)}
    return {mart: Counter(rows if revenue.reporting else []) for mart, rows in marts.items()}


# -- between profiles --------------------------------------------------------------------------------------------------
def chain(settings: dict[str, Any], profile: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(policy, values after it has changed) on the way from a tenant's values to those of a profile."""
    defaults = revenue_policy.defaults()
    values = own_values(settings)
    wanted = {**defaults, **revenue_policy.profiles()[profile]}
    for policy in defaults:
        if values[policy] != wanted[policy]:
            values = values | {policy: wanted[policy]}
            yield policy, values


def own_values(settings: dict[str, Any]) -> dict[str, Any]:
    """The value of every policy as a tenant has set it, in one spelling."""
    defaults = revenue_policy.defaults()
    return {name: revenue_policy.check(name, settings.get(name, value)) for name, value in defaults.items()}


def bases(revenue: Revenue, ledger: Ledger) -> Bases:
    """Who NRR of each month is of: what each paid then, and what it pays now."""
    customers: Bases = {}
    for month in months(ledger):
        closed = closing(ledger, month)
        for look_back in (1, 12):
            then = closing(ledger, add_months(month, -look_back))
            customers[month, look_back] = {
                account: (revenue.value(native, then), revenue.value(ledger.native(account, closed), then))
                for account, native in paying(ledger, then)
            }
    return customers


def retention_bridge(revenue: Revenue) -> Rows:
    """fct_retention_bridge."""
    if revenue.reporting is None:
        return []
    by_values: dict[str, Bases] = {}

    def of(values: dict[str, Any]) -> Bases:
        spelled = repr(values)
        if spelled not in by_values:
            by_values[spelled] = bases(revenue, Ledger(revenue.book, Profile.own(values)))
        return by_values[spelled]

    rows: Rows = []
    own = of(own_values(revenue.settings))
    for profile in revenue_policy.profiles():
        policies, values = [], [own_values(revenue.settings)]
        for policy, changed in chain(revenue.settings, profile):
            policies.append(policy)
            values.append(changed)
        whole = of(values[-1])
        for step, (policy, (before, after)) in enumerate(zip(policies, pairwise(values), strict=True), 1):
            for at, *case in _cases(of(before), of(after)):
                account, change, b0, b1, k0, k1 = case
                effect = _effect(own.get(at, {}), whole.get(at, {}), b1 - b0, k1 - k0)
                amounts = (change, b0, b1, k0, k1, effect)
                rows.append((revenue.tenant, profile, *at, step, policy, account, revenue.reporting, *amounts))
    return rows


def _cases(before: Bases, after: Bases) -> Iterator[tuple[Any, ...]]:
    for at in {*before, *after}:
        was, now = before.get(at, {}), after.get(at, {})
        for account in {*was, *now}:
            (b0, k0), (b1, k1) = was.get(account, (0, 0)), now.get(account, (0, 0))
            if (b0, k0) != (b1, k1):
                yield at, account, _change(b0, b1, k0, k1), b0, b1, k0, k1


def _change(b0: int, b1: int, k0: int, k1: int) -> str:
    # Of the base first; what is 0 on both sides neither comes nor goes.
    for was, now, comes, goes in ((b0, b1, "joins the base", "leaves the base"), (k0, k1, "is kept", "is lost")):
        if bool(was) != bool(now):
            return comes if now else goes
    return "pays another amount"


def _effect(own: dict[str, tuple[int, int]], whole: dict[str, tuple[int, int]], base: int, kept: int) -> float | None:
    """What a case adds to NRR: the differences in kept and base, the latter at the tenant's own NRR, by the whole."""
    own_base, whole_base = sum(then for then, _ in own.values()), sum(then for then, _ in whole.values())
    if not own_base or not whole_base:
        return None
    nrr = Fraction(sum(now for _, now in own.values()), own_base)
    return rounded(float((kept - nrr * base) / whole_base))


# -- between days and months -------------------------------------------------------------------------------------------
def grain_bridge(revenue: Revenue) -> Rows:
    """fct_grain_bridge."""
    if revenue.reporting is None:
        return []
    by_day = Counter[tuple[str, date, str]](), Counter[tuple[str, date, str]]()
    by_month = Counter[tuple[str, date, str]](), Counter[tuple[str, date, str]]()
    dated = [(account, day, kind, delta) for _, account, day, kind, delta, *_ in revenue.movements()]
    ledger = revenue.ledger
    for month in months(ledger):
        opened, closed = closing(ledger, add_months(month, -1)), closing(ledger, month)
        for account, day, kind, delta in dated:
            if opened < day <= closed:
                _add(by_day, (account, month, kind), delta)
        for account in ledger.days:
            before, after = ledger.native(account, opened), ledger.native(account, closed)
            opening, b, c = (revenue.value(*at) for at in ((before, opened), (before, closed), (after, closed)))
            if b != opening:
                _add(by_month, (account, month, "fx"), b - opening)
            if kind := movement(bool(before), bool(after), b, c, first_return(ledger, account, opened, closed)):
                _add(by_month, (account, month, kind), c - b)
    rows: Rows = []
    for case in sorted({*by_day[1], *by_month[1]}):
        amounts, counts = (by_day[0][case], by_month[0][case]), (by_day[1][case], by_month[1][case])
        if amounts[0] != amounts[1] or (case[2] in _COUNTED and counts[0] != counts[1]):
            rows.append((revenue.tenant, *case, *amounts, *counts))
    return rows


def _add(sides: tuple[Counter[Any], Counter[Any]], case: tuple[str, date, str], delta: int) -> None:
    sides[0][case] += delta
    sides[1][case] += 1
