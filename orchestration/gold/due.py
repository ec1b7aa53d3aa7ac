"""Whom a run has to judge: those whose data moved, and those of whom a verdict or a publication is still due.

control.changes (built) ─▶ beyond the published run: unpublished ─▶ beyond the judged run: unjudged
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from orchestration.audit.rules import checks_hash
from orchestration.gold.plan import BEGINNING
from warehouse_models.published.publication import Publication

Ranges = list[tuple[date, date]]


@dataclass(frozen=True)
class Unpublished:
    """What earlier runs built of a tenant and no publication holds yet: the newest run, ranges of days."""

    run: int
    ranges: Ranges


@dataclass(frozen=True)
class Due:
    """The tenants that a run judges.

    `whole`: those whose every row is tested. `since`: tenant → from when on what arrived in bronze is tested, None:
    all of it. `unpublished`: ranges of days by tenant that earlier runs built and nobody published.
    """

    tenants: frozenset[str]
    whole: frozenset[str]
    since: Mapping[str, datetime | None]
    unpublished: Mapping[str, Ranges]


def due_tenants(
    build: duckdb.DuckDBPyConnection,
    published: Mapping[str, Publication],
    moved: set[str],
    tenants: set[str],
    *,
    full_audit: bool,
) -> Due:
    """Whom this run judges, of the shard's `tenants`; `moved`: whose data did. `full_audit`: everybody, whole."""
    waiting = unpublished(build, published)
    unjudged = {slug for slug, built in waiting.items() if slug not in published or built.run > published[slug].judged}
    # A check that was mended judges those it held, although none of their data moved.
    rejudged = {slug for slug, last in published.items() if last.is_held and last.checks != checks_hash()}
    judged = (moved | unjudged | rejudged | (tenants if full_audit else set())) & tenants
    # Held tenants are tested whole: what holds one may lie in slices that this run does not touch.
    held = {slug for slug, last in published.items() if last.is_held}
    whole = judged if full_audit else judged & held
    figures = {slug: last.figures_at for slug, last in published.items() if slug not in whole}
    return Due(
        frozenset(judged),
        frozenset(whole),
        {slug: figures.get(slug) for slug in sorted(judged)},
        {slug: built.ranges for slug, built in waiting.items()},
    )


def forget_published(build: duckdb.DuckDBPyConnection, published: Mapping[str, Publication]) -> None:
    """Drop the changes that are published: they wait for nobody."""
    build.executemany(
        "delete from control.changes where tenant_id = ? and run <= ?",
        [(slug, last.run) for slug, last in published.items()] or [("", 0)],
    )


def unpublished(build: duckdb.DuckDBPyConnection, published: Mapping[str, Publication]) -> dict[str, Unpublished]:
    """Tenant → what earlier runs built of it and no publication holds yet."""
    waiting: dict[str, Unpublished] = {}
    rows = build.execute(
        "select tenant_id, run, coalesce(from_date, ?), coalesce(to_date, ?) from control.changes "
        "where scope in ('int_affected_days', 'int_affected_mrr_days', 'int_touched_tenants')",
        [BEGINNING, BEGINNING],
    ).fetchall()
    for tenant, run, first, last in rows:
        if run > (published[tenant].run if tenant in published else 0):
            before = waiting.get(tenant, Unpublished(0, []))
            waiting[tenant] = Unpublished(max(before.run, run), [*before.ranges, (first, last)])
    return waiting
