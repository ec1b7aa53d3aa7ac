"""Events that miss their tenant's tracking plan, counted per source: a warning, and no reason to hold anybody.

They are in every figure like other events; `marts.fct_events` says of each in `plan_miss` what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from warehouse_models.lake.slices import predicate

DAYS = 30
CHECK = "events_follow_the_tracking_plan"
WORDS = f"Events of a tenant's last {DAYS} days that its tracking plan does not know, or that lack what it requires"


def plan_misses(connection: Any, tenants: Iterable[str]) -> dict[str, dict[str, int]]:
    """Tenant → source → events of the tenant's last 30 days that miss its plan, out of a build database.

    `tenants`: those with a plan that are to be looked at. Who misses nothing is left out.
    """
    named = list(tenants)
    if not named:
        return {}
    ends = connection.execute(
        "select tenant_id, data_through from intermediate.int_tenants "
        "where data_through is not null and tenant_id in (select unnest(?::varchar[]))",
        [named],
    ).fetchall()
    days = {slug: frozenset(end - timedelta(days=step) for step in range(DAYS)) for slug, end in ends}
    rows = connection.execute(
        "select tenant_id, coalesce(source_id, 'unknown'), count(*) from silver_product.activity "
        f"where plan_miss is not null and ({predicate(days, 'event_date', 'event_month')}) "
        "group by all order by all"
    ).fetchall()
    by_tenant: dict[str, dict[str, int]] = {}
    for slug, source, events in rows:
        by_tenant.setdefault(slug, {})[source] = events
    return by_tenant


def sentence(misses: Mapping[str, Mapping[str, int]]) -> str:
    """`misses` for a person: tenants, and their sources with the most events first."""
    phrases = []
    for slug, sources in sorted(misses.items()):
        ranked = sorted(sources.items(), key=lambda item: (-item[1], item[0]))
        phrases.append(
            f"{slug} {sum(sources.values()):,} ({', '.join(f'{name} {events:,}' for name, events in ranked)})"
        )
    return f"{WORDS}: {'; '.join(phrases)}. See plan_miss in fct_events."
