"""Slices: the smallest parts of a table that are replaced, (tenant, date) or a whole tenant.

A `Slices` maps a tenant to its dates, or to None for everything of the tenant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

Slices = Mapping[str, "frozenset[date] | None"]

# More literals than this make a predicate slower to plan than rewriting some days between them.
MAX_RUNS_PER_TENANT = 40


def union(parts: Iterable[Slices]) -> dict[str, frozenset[date] | None]:
    """Everything that is in one of `parts`; a whole tenant swallows its dates."""
    result: dict[str, frozenset[date] | None] = {}
    for part in parts:
        for tenant, dates in part.items():
            if tenant not in result:
                result[tenant] = dates
            elif dates is None or result[tenant] is None:
                result[tenant] = None
            else:
                result[tenant] = result[tenant] | dates  # type: ignore[operator]
    return result


def widen(slices: Slices, before: int, after: int) -> dict[str, frozenset[date] | None]:
    """Each date with the days from `before` days earlier to `after` days later."""
    steps = [timedelta(days=step) for step in range(-before, after + 1)]
    return {
        tenant: None if dates is None else frozenset(day + step for day in dates for step in steps)
        for tenant, dates in slices.items()
    }


def runs(dates: Iterable[date]) -> list[tuple[date, date]]:
    """Dates as maximal runs of consecutive days, first and last included; many runs are joined at their smallest gaps.

    Joining only adds days, and a slice too many is recomputed to the same rows.
    """
    found: list[tuple[date, date]] = []
    for day in sorted(set(dates)):
        if found and day - found[-1][1] == timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    while len(found) > MAX_RUNS_PER_TENANT:
        gaps = [(found[i + 1][0] - found[i][1], i) for i in range(len(found) - 1)]
        _, i = min(gaps)
        found[i : i + 2] = [(found[i][0], found[i + 1][1])]
    return found


def closed(slices: Slices) -> dict[str, frozenset[date] | None]:
    """The slices that `predicate` really covers: the runs of each tenant filled up."""
    return {
        tenant: None
        if dates is None
        else frozenset(
            first + timedelta(days=step) for first, last in runs(dates) for step in range((last - first).days + 1)
        )
        for tenant, dates in slices.items()
    }


def predicate(slices: Slices, slice_column: str | None, month_column: str | None = None) -> str:
    """SQL condition of `slices`: literals only, so that engines prune partitions and files by it."""
    return " OR ".join(conditions(slices, slice_column, month_column)) or "1 = 0"


def conditions(slices: Slices, slice_column: str | None, month_column: str | None = None) -> list[str]:
    """The terms of `predicate`: no row meets two of them.

    Tenants that share the same dates share one term: 200 (tenant, date) pairs in one OR took 6.9 s (STACK).
    """
    groups: dict[tuple[tuple[date, date], ...] | None, list[str]] = defaultdict(list)
    for tenant, dates in slices.items():
        whole = dates is None or slice_column is None
        groups[None if whole else tuple(runs(dates or ()))].append(tenant)
    terms: list[str] = []
    for key, tenants in groups.items():
        names = ", ".join(f"'{tenant}'" for tenant in sorted(tenants))
        scope = f"tenant_id = {names}" if len(tenants) == 1 else f"tenant_id IN ({names})"
        if key is None:
            terms.append(f"({scope})")
        elif key:
            days = " OR ".join(_between(slice_column or "", first, last) for first, last in key)
            bounds = f" AND {_between(slice_column or '', key[0][0], key[-1][1])}" if len(key) > 1 else ""
            if month_column:
                first_month, last_month = key[0][0].replace(day=1), key[-1][1].replace(day=1)
                bounds = f" AND {_between(month_column, first_month, last_month)}{bounds}"
            terms.append(f"({scope}{bounds} AND ({days}))")
    return terms


def _between(column: str, first: date, last: date) -> str:
    if first == last:
        return f"{column} = DATE '{first}'"
    return f"({column} >= DATE '{first}' AND {column} <= DATE '{last}')"
