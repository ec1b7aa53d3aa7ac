"""The dimensions, views and the statement of trust, in plain Python."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.support.oracle.marts import Tenant, days, monday_of, month_of, rounded
from tests.support.oracle.records import BEGINNING
from tests.support.oracle.silver import canonical
from tests.support.oracle.times import moment

if TYPE_CHECKING:
    from tests.support.oracle.whole import Whole

Rows = set[tuple[Any, ...]]


def dimensions(whole: Whole, tenant: Tenant) -> dict[str, Rows]:
    """Dimensions and views; of trust (tenant_id, data_through, coverage); sessions without their id."""
    slug = tenant.slug
    spine = list(days(tenant.first, tenant.through)) if tenant.first else []
    return {
        "dim_accounts": set(_accounts(whole, tenant)),
        "dim_users": set(_users(whole, tenant)),
        "dim_features": set(tenant.features()),
        "dim_dates": {
            (slug, day, monday_of(day), month_of(day), day.replace(month=day.month - (day.month - 1) % 3, day=1))
            + (day.year, day.isoweekday(), day.isoweekday() > 5)
            for day in spine
        },
        "fct_events": {
            (slug, m.message_id, m.type, m.event, None, m.user, m.raw_user, m.anonymous, m.account, "file_drop")
            + (m.feature, m.plan_miss, m.qualifying, m.internal, m.at, m.at.date(), m.received)
            + (None if m.properties is None else canonical(m.properties),)
            for m in whole.messages
        },
        "fct_sessions": set(whole.silver()["silver/product/sessions"]),
        "trust": {(slug, tenant.through or whole.watermark, _coverage(tenant))},
    }


def _accounts(whole: Whole, tenant: Tenant) -> Rows:
    rows: Rows = set()
    for account, versions in whole.versions["accounts"].items():
        for v in versions:
            read = v.fields.get
            rows.add(
                (tenant.slug, account, v.since, v.until, v.until is None, read("name") or account, None, None, None)
                + (None, None, moment(read("created_at")), None, None, read("licensed_seats"), v.deleted, False)
            )
    recorded = {account for account, versions in whole.versions["accounts"].items() if versions}
    seen = {event["account"] for event in tenant.events} | {"unresolved"}
    for account in seen - recorded:
        name = "Unresolved" if account == "unresolved" else account
        rows.add((tenant.slug, account, BEGINNING, None, True, name, *[None] * 9, False, True))
    return rows


def _users(whole: Whole, tenant: Tenant) -> Rows:
    seen = {event["user"] for event in tenant.events if event["user"]}
    active = [(event["user"], event["time"].date()) for event in tenant.events if event["user"] and event["qualifying"]]
    rows: Rows = set()
    current = {user: versions[-1] for user, versions in whole.versions["users"].items() if versions}
    for user in seen | set(current):
        first = min((day for who, day in active if who == user), default=None)
        fields = current[user].fields if user in current else {}
        rows.add(
            (tenant.slug, user, fields.get("account_id"), fields.get("email"), fields.get("name"), None, None)
            + (user in current and current[user].deleted, user not in current, first and month_of(first))
        )
    return rows


def _coverage(tenant: Tenant) -> float | None:
    if tenant.through is None:
        return None
    recent = tenant.of(tenant.through - timedelta(days=29), tenant.through)
    resolved = [event for event in recent if event["account"] != "unresolved"]
    return rounded(len(resolved) / len(recent)) if recent else None
