"""fct_restatements in plain Python: what a publication said of complete months, and what made it say otherwise since.

Between the figures as published and those of today stand whole recomputations, each of another state of the records:
what differs between two of them is the work of one cause. Where the text leaves room, this is what was decided:
- A record that was deleted at the publication and is back is a late record.
- Between the two, amounts are in the currency that both of them report in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.support.oracle.billing import OBJECTS, Records
from tests.support.oracle.bridges import own_values
from tests.support.oracle.revenue import Revenue

MART = "fct_restatements"
CAUSES = ("merge", "correction", "late record", "policy change")
Settings = dict[str, Any]
_UNIT = Decimal("1e-12")
_AMOUNTS = ("opening", "new", "reactivation", "expansion", "contraction", "churn", "fx", "closing")
_CUSTOMERS = ("open", "new", "reactivated", "churned", "close")
RATES = tuple(f"{name}_{n}m" for n in (1, 12) for name in ("nrr", "grr", "logo_retention"))
# In the order of the columns of fct_revenue_monthly, after tenant, month, is_complete and currency.
FIGURES = (*(f"{name}_minor" for name in _AMOUNTS), *(f"customers_{name}" for name in _CUSTOMERS), *RATES)
# (month, figure) → value
Figures = dict[tuple[date, str], Decimal | None]


@dataclass(frozen=True)
class Publication:
    """What a publication of a tenant knew: its records, and the settings by which it read them."""

    version: int
    records: Records
    settings: Settings


def figures(month_row: tuple[Any, ...]) -> Iterator[tuple[tuple[date, str], Decimal | None]]:
    """Figures of a row of fct_revenue_monthly."""
    for figure, value in zip(FIGURES, month_row[4:], strict=False):
        yield (month_row[1], figure), None if value is None else Decimal(value).quantize(_UNIT)


def restated(tenant: str, publication: Publication, records: Records, settings: Settings) -> Counter[tuple[Any, ...]]:
    """Rows of fct_restatements about one publication, as the records and settings of today make them."""
    currency, before = _published(publication)
    rows = Counter[tuple[Any, ...]]()

    if currency is None:
        return rows
    states = list(_states(publication, records, settings))

    def tell(cause: str, was: Figures, now: Figures) -> None:
        for (month, figure), _ in before.items():
            b, a = was.get((month, figure)), now.get((month, figure))
            if b != a:
                delta = (a or Decimal(0)) - (b or Decimal(0))
                rows[tenant, publication.version, figure, month, currency, cause, b, a, delta] += 1

    if currency != Revenue("", records, settings).reporting:
        # The figures of today are of another currency, or there are none: nothing to be matched.
        if states:
            tell(states[-1][0], before, {})
        return rows
    stages = [before, *(_figures(r, values | {"reporting_currency": currency}) for _, r, values in states)]
    for (cause, *_), (was, now) in zip(states, pairwise(stages), strict=True):
        tell(cause, was, now)
    return rows


def causes(publication: Publication, records: Records, settings: Settings) -> set[str]:
    """Kinds of news since a publication, whether they move a figure or not."""
    return {cause for cause, *_ in _states(publication, records, settings)}


def _published(publication: Publication) -> tuple[str | None, Figures]:
    """(currency, figures of the complete months) of a publication."""
    revenue = Revenue("", publication.records, publication.settings)
    if revenue.reporting is None:
        return None, {}
    complete = [row for row in revenue.months_of(revenue.ledger) if row[2]]
    return revenue.reporting, dict(one for row in complete for one in figures(row))


def _figures(records: Records, settings: Settings) -> Figures:
    revenue = Revenue("", records, settings)
    return dict(one for row in revenue.months_of(revenue.ledger) for one in figures(row))


def _states(publication: Publication, now: Records, settings: Settings) -> Iterator[tuple[str, Records, Settings]]:
    """(cause, records, settings) of every state that there is news for, in the order in which they are taken."""
    then = publication.records
    kept = {o: {key: (row, now.by_key[o].get(key)) for key, row in then.by_key[o].items()} for o in OBJECTS}
    pairs = [pair for o in OBJECTS for pair in kept[o].values()]
    if any(new and new.get("account_id") != old.get("account_id") for old, new in pairs):
        moved = {o: {key: _moved(*pair) for key, pair in kept[o].items()} for o in OBJECTS}
        yield "merge", Records(moved, then.as_of), publication.settings
    if any(new is None or _moved(old, new) != new for old, new in pairs):
        corrected = {o: {key: new for key, (_, new) in kept[o].items() if new is not None} for o in OBJECTS}
        yield "correction", Records(corrected, then.as_of), publication.settings
    if then.as_of != now.as_of or any(now.by_key[o].keys() - then.by_key[o].keys() for o in OBJECTS):
        yield "late record", now, publication.settings
    if _policy(publication.settings) != _policy(settings):
        yield "policy change", now, settings


def _moved(old: dict[str, Any], new: dict[str, Any] | None) -> dict[str, Any]:
    """A record as it was, in the account that it has now."""
    return old | {"account_id": new["account_id"]} if new and "account_id" in new else old


def _policy(settings: Settings) -> tuple[Any, ...]:
    return own_values(settings), settings.get("reporting_currency")
