"""Slices: the smallest parts of a table that are replaced, (tenant, date) or a whole tenant.

A `Slices` maps a tenant to its dates, or to None for everything of the tenant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

Slices = Mapping[str, "frozenset[date] | None"]
# First and last day, both included.
Range = tuple[date, date]

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


def runs(dates: Iterable[date]) -> list[Range]:
    """Dates as maximal runs of consecutive days, first and last included; many runs are joined at their smallest gaps.

    Joining only adds days, and a slice too many is recomputed to the same rows.
    """
    joined = merged((day, day) for day in set(dates))
    while len(joined) > MAX_RUNS_PER_TENANT:
        gaps = [(joined[i + 1][0] - joined[i][1], i) for i in range(len(joined) - 1)]
        _, i = min(gaps)
        joined[i : i + 2] = [(joined[i][0], joined[i + 1][1])]
    return joined


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Ranges of days in order, those that overlap or touch as one."""
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + timedelta(days=1):
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


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
    groups: dict[tuple[Range, ...] | None, list[str]] = defaultdict(list)
    for tenant, dates in slices.items():
        whole = dates is None or slice_column is None
        groups[None if whole else tuple(runs(dates or ()))].append(tenant)
    terms: list[str] = []
    for key, tenants in groups.items():
        scope = _is_one_of(tenants)
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


def scans(ranges: Mapping[str, Iterable[Range]], slice_column: str | None) -> list[str]:
    """Conditions of one scan for each distinct range, tenants of the same range together; no row meets two of them.

    Engines skip blocks by constants that hold for a whole scan: with the ranges of a tenant in one condition, one late
    event made a scan read all the days between. Without `slice_column` a tenant is meant whole.
    """
    groups: dict[Range | None, list[str]] = defaultdict(list)
    for tenant, days in ranges.items():
        keys: list[Range | None] = [*merged(days)] if slice_column else [None]
        for key in keys:
            groups[key].append(tenant)
    return [
        f"({_is_one_of(tenants)}{f' AND {_between(slice_column, *key)}' if slice_column and key else ''})"
        for key, tenants in groups.items()
    ]


def _is_one_of(tenants: Iterable[str]) -> str:
    names = [f"'{tenant}'" for tenant in sorted(tenants)]
    return f"tenant_id = {names[0]}" if len(names) == 1 else f"tenant_id IN ({', '.join(names)})"


def _between(column: str, first: date, last: date) -> str:
    if first == last:
        return f"{column} = DATE '{first}'"
    return f"({column} >= DATE '{first}' AND {column} <= DATE '{last}')"
