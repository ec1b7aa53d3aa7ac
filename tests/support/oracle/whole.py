"""A whole history in plain Python: every silver table and every mart that it must end in, whatever the order."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Any

from tests.support.histories.events import History
from tests.support.oracle import marts, silver
from tests.support.oracle.records import BEGINNING, Version, versions
from tests.support.oracle.silver import Message, Policy
from tests.support.oracle.times import moment

Rows = Counter[tuple[Any, ...]]

# The columns in which silver is compared; the rest of a row is as sent.
SILVER = {
    "silver/product/events": "tenant_id, message_id, type, event, user_id, anonymous_id, previous_id, group_id, "
    "event_time, event_date, event_month, received_at",
    "silver/product/signals": "tenant_id, kind, message_id, event_time, user_id, anonymous_id, previous_id, value",
    "silver/product/aliases": "tenant_id, user_id, resolved_user_id",
    "silver/product/claims": "tenant_id, anonymous_id, user_id, valid_from, valid_to",
    "silver/product/memberships": "tenant_id, visitor_kind, visitor_id, account_id, valid_from, valid_to",
    "silver/product/internal_users": "tenant_id, user_id",
    "silver/product/activity": "tenant_id, message_id, type, event_time, event_date, user_id, anonymous_id, "
    "account_id, feature, plan_miss, is_qualifying, is_internal",
    "silver/product/sessions": "tenant_id, user_id, anonymous_id, account_id, started_at, ended_at, "
    "session_date, events",
    "silver/product/usage_daily": "tenant_id, date, account_id, user_id, anonymous_id, feature, events, "
    "qualifying_events",
    "silver/product/coverage": "tenant_id, first_event_date, last_event_date, last_received_date, watermark_date, "
    "data_through",
    "silver/crm/versions": "tenant_id, object, record_id, is_deleted, valid_from, valid_to, is_current, updated_at",
    "silver/crm/accounts": "tenant_id, account_id, name, created_at, licensed_seats, is_deleted, valid_from, valid_to",
    "silver/crm/users": "tenant_id, user_id, account_id, email, is_deleted, valid_from, valid_to",
}


@dataclass
class Whole:
    """Everything that one tenant's history comes to."""

    tenant: str
    history: History
    events: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    accounts: dict[tuple[str, str, datetime], dict[str, Any]] = field(default_factory=dict)
    watermarks: dict[str, date] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.policy = Policy.of(self.history.settings)
        self.versions = {o: versions(self.history.deliveries(o), o[:-1] + "_id") for o in ("accounts", "users")}
        plain = silver.deduplicated(self.history.events)
        self.ends = silver.renamed(plain)
        self.messages = silver.resolve(plain, self.versions["users"], self.policy)
        self.sessions = silver.sessions(self.messages, self.policy.gap)
        for m in self.messages:
            user, anonymous = _ids(m.visitor)
            self.events[self.tenant, m.message_id] = {
                "time": m.at, "user": user, "anonymous": anonymous, "account": m.account, "feature": m.feature,
                "qualifying": m.qualifying, "internal": m.internal,
            }  # fmt: skip
        for account, account_versions in self.versions["accounts"].items():
            for version in account_versions:
                seats, created = version.fields.get("licensed_seats"), moment(version.fields.get("created_at"))
                state = {"licensed_seats": seats, "created_at": created}
                self.accounts[self.tenant, account, version.since] = state
        as_of_times = [moment(d.as_of) for batch in self.history.batches for d in batch if d.as_of]
        self.watermark = max((t.date() for t in as_of_times if t), default=None)
        self.received = max((m.received.date() for m in self.messages), default=None)
        days = [day for day in (self.watermark, self.received) if day]
        if days:
            self.watermarks[self.tenant] = max(days)

    # -- silver ------------------------------------------------------------------------------------------------------
    def silver(self) -> dict[str, Rows]:
        """Address → rows in the columns of SILVER."""
        t, days = self.tenant, [m.at.date() for m in self.messages]
        last = max(days, default=None)
        through = max((day for day in (last, self.received, self.watermark) if day), default=None)
        users, accounts = self.versions["users"], self.versions["accounts"]
        tables: dict[str, list[tuple[Any, ...]]] = {
            "silver/product/events": [
                (t, m.message_id, m.type, m.event, m.raw_user, m.anonymous, m.previous, m.group)
                + (m.at, m.at.date(), m.at.date().replace(day=1), m.received)
                for m in self.messages
            ],
            "silver/product/signals": [(t, *row) for row in self._signals()],
            "silver/product/aliases": [(t, old, new) for old, new in self.ends.items() if old != new],
            "silver/product/claims": [(t, *row) for row in self._claims()],
            "silver/product/memberships": [(t, *row) for row in self._memberships()],
            "silver/product/internal_users": [(t, user) for user in self._internal()],
            "silver/product/activity": [
                (t, m.message_id, m.type, m.at, m.at.date(), *_ids(m.visitor), m.account)
                + (m.feature, m.plan_miss, m.qualifying, m.internal)
                for m in self.messages
            ],
            "silver/product/sessions": [
                (t, *_ids(s.visitor), s.account, s.start, s.end, s.start.date(), s.events) for s in self.sessions
            ],
            "silver/product/usage_daily": [
                (t, day, account, *_ids(visitor), feature, *counts)
                for (day, account, visitor, feature), counts in silver.usage(self.messages).items()
            ],
            "silver/product/coverage": [(t, min(days, default=None), last, self.received, self.watermark, through)]
            * (through is not None),
            "silver/crm/versions": [
                (t, object, record, v.deleted, v.since, v.until, v.until is None, v.updated)
                for object, records in self.versions.items()
                for record, versions in records.items()
                for v in versions
            ],
            "silver/crm/accounts": [
                (t, account, *_said(v, "name"), *_created(v), *_said(v, "licensed_seats"), v.deleted, v.since, v.until)
                for account, versions in accounts.items()
                for v in versions
            ],
            "silver/crm/users": [
                (t, user, *_said(v, "account_id", "email"), v.deleted, v.since, v.until)
                for user, versions in users.items()
                for v in versions
            ],
        }
        return {address: Counter(rows) for address, rows in tables.items()}

    def _claiming(self) -> list[tuple[str, datetime, str, str, str]]:
        """(anonymousId, time, message, kind, user) of every claim and alias, in order."""
        claims = []
        for m in self.messages:
            if m.raw_user and m.anonymous:
                claims.append((m.anonymous, m.at, m.message_id, "claim", m.raw_user))
            if m.raw_user and m.previous:
                claims.append((m.previous, m.at, m.message_id, "alias", m.raw_user))
        return sorted(claims, key=lambda c: (c[0], c[1], c[2], c[3]))

    def _signals(self) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for _, group in groupby(self._claiming(), key=lambda c: (c[0], c[1].date())):
            owner = None
            for anonymous, at, message, kind, user in group:
                if kind == "claim" and user != owner:
                    rows.append(("claim", message, at, user, anonymous, None, None))
                owner = user
        first: dict[tuple[Any, ...], Message] = {}
        for m in sorted(self.messages, key=lambda m: (m.at, m.message_id)):
            if m.previous and m.raw_user:
                rows.append(("alias", m.message_id, m.at, m.raw_user, None, m.previous, None))
            if m.type == "group" and m.group:
                rows.append(("group", m.message_id, m.at, m.raw_user, m.anonymous, None, m.group))
            if m.raw_user and m.email and "@" in m.email:
                first.setdefault((m.at.date(), m.raw_user, m.email.rpartition("@")[2].lower()), m)
        for (_, user, domain), m in first.items():
            rows.append(("domain", m.message_id, m.at, user, m.anonymous, None, domain))
        return rows

    def _claims(self) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for name, group in groupby(self._claiming(), key=lambda c: c[0]):
            said = [(at, self.ends.get(user, user)) for _, at, _, _, user in group]
            rows += [(name, user, *spell) for user, *spell in _spells([(BEGINNING, said[0][1]), *said])]
        return rows

    def _memberships(self) -> list[tuple[Any, ...]]:
        calls: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
        for m in sorted(self.messages, key=lambda m: (m.at, m.message_id)):
            if m.type == "group" and m.group:
                calls[m.visitor].append((m.at, m.group))
        return [(*visitor, account, *spell) for visitor, said in calls.items() for account, *spell in _spells(said)]

    def _internal(self) -> set[str]:
        named = silver.internal_ids(self.messages, self.versions["users"], self.policy)
        return {self.ends.get(user, user) for user in named}

    # -- gold --------------------------------------------------------------------------------------------------------
    def gold(self) -> dict[str, set[tuple[Any, ...]]]:
        """Mart → its rows, in the order of the contract's columns; trust without what only a publication says."""
        from tests.support.oracle.dimensions import dimensions

        sessions = [
            {"session_date": s.start.date(), "account_id": s.account, "started_at": s.start, "ended_at": s.end}
            for s in self.sessions
        ]
        minimum = self.history.settings.get("trend_min_events", 50)
        plan = self.policy.plan or {}
        planned = {entry.get("feature", name) for name, entry in plan.items() if not entry.get("ignore")}
        tenant = marts.Tenant(self, self.tenant, minimum, planned, sessions)
        return marts.expected([tenant]) | dimensions(self, tenant)


def _spells(said: list[tuple[datetime, str]]) -> list[tuple[Any, ...]]:
    """(value, from, until) of values said in order: of one time the last holds, and an equal neighbour adds nothing."""
    points: list[tuple[datetime, str]] = []
    for at, value in dict(said).items():
        if not points or points[-1][1] != value:
            points.append((at, value))
    ends = [at for at, _ in points[1:]] + [None]
    return [(value, at, until) for (at, value), until in zip(points, ends, strict=True)]


def _ids(visitor: tuple[str, str]) -> tuple[str | None, str | None]:
    return (visitor[1], None) if visitor[0] == "user" else (None, visitor[1])


def _said(version: Version, *names: str) -> tuple[Any, ...]:
    return tuple(version.fields.get(name) for name in names)


def _created(version: Version) -> tuple[datetime | None]:
    return (moment(version.fields.get("created_at")),)
