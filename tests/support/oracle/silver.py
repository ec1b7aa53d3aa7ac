"""METRICS §1 in plain Python over whole histories: who did what when, in which session, for which account.

Deliberately naive: every rule is a loop over everything, nothing is incremental, nothing is SQL.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from tests.support.oracle.records import Version, known_at
from tests.support.oracle.times import moment

CLAMP = timedelta(minutes=5)
Plan = Mapping[str, Mapping[str, Any]] | None  # a tracking plan's `events`


@dataclass(frozen=True)
class Policy:
    """The policy values in force for a tenant."""

    gap: timedelta = timedelta(minutes=30)
    qualifying: frozenset[str] = frozenset(("track", "page", "screen"))
    domains: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    plan: Plan = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Policy:
        """The defaults, as a tenant's settings change them."""
        internal = {kind: frozenset(names) for kind, names in settings.get("internal_users", {}).items()}
        gap = timedelta(minutes=settings.get("session_gap_minutes", 30))
        plan = settings.get("tracking_plan", {}).get("events")
        return cls(gap, frozenset(settings.get("qualifying_types", cls.qualifying)), plan=plan, **internal)


@dataclass(frozen=True)
class Message:
    """A deduplicated event with its times and, after `resolve`, who did it and whether it counts."""

    message_id: str
    type: str
    event: str | None
    raw_user: str | None
    anonymous: str | None
    previous: str | None
    group: str | None
    at: datetime
    received: datetime
    properties: Mapping[str, Any] | None = None
    email: str | None = None
    user: str | None = None
    account: str = "unresolved"
    internal: bool = False
    qualifying: bool = False
    feature: str | None = None
    plan_miss: str | None = None

    @property
    def visitor(self) -> tuple[str, str]:
        return ("user", self.user) if self.user is not None else ("anonymous", self.anonymous or "")


@dataclass(frozen=True)
class Session:
    """Qualifying events of one visitor."""

    visitor: tuple[str, str]
    account: str
    start: datetime
    end: datetime
    events: int


def deduplicated(copies: Iterable[Mapping[str, Any]]) -> list[Message]:
    """One message per id: the copy received first, equal times by the smaller canonical JSON."""
    best: dict[str, tuple[datetime, bytes, Message]] = {}
    for copy in copies:
        text = canonical(copy).encode()
        own, original = moment(copy.get("timestamp")), moment(copy.get("originalTimestamp"))
        sent, said = moment(copy.get("sentAt")), moment(copy.get("receivedAt"))
        received = said or sent or own or original
        assert received is not None
        at = said - (sent - original) if said and sent and original else own or original or received
        context = copy.get("context") or {}
        message = Message(
            message_id=copy.get("messageId") or hashlib.sha256(text).hexdigest(),
            type=copy["type"],
            event=copy.get("event") if copy["type"] == "track" else None,
            raw_user=copy.get("userId") or None,
            anonymous=copy.get("anonymousId") or None,
            previous=(copy.get("previousId") or None) if copy["type"] == "alias" else None,
            group=(copy.get("groupId") if copy["type"] == "group" else None) or context.get("groupId") or None,
            at=min(at, received + CLAMP),
            received=received,
            properties=copy.get("properties"),
            email=(copy.get("traits") or {}).get("email") if copy["type"] == "identify" else None,
        )
        rank = (received, text, message)
        if message.message_id not in best or rank[:2] < best[message.message_id][:2]:
            best[message.message_id] = rank
    return [entry[2] for entry in best.values()]


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def renamed(messages: Iterable[Message]) -> dict[str, str]:
    """previousId → the id at the end of its chain; a circle ends at the userId of its latest alias."""
    latest: dict[str, Message] = {}
    for m in sorted((m for m in messages if m.type == "alias" and m.previous and m.raw_user), key=_order):
        latest[m.previous or ""] = m
    ends = {}
    for start in latest:
        path, node = [start], latest[start].raw_user or ""
        while node in latest and node not in path:
            path.append(node)
            node = latest[node].raw_user or ""
        if node in path:
            circle = path[path.index(node) :]
            node = max((latest[name] for name in circle), key=_order).raw_user or ""
        ends[start] = node
    return ends


def resolve(
    messages: list[Message], users: Mapping[str, list[Version]] | None = None, policy: Policy | None = None
) -> list[Message]:
    """Each message with its user (claims, aliases), account (group, calls, users records) and what it counts for."""
    users, policy = users or {}, policy or Policy()
    ends = renamed(messages)
    claims: dict[str, list[tuple[datetime, str, str]]] = {}
    for m in messages:
        if m.raw_user and m.anonymous:
            claims.setdefault(m.anonymous, []).append((m.at, m.message_id, m.raw_user))
        if m.type == "alias" and m.raw_user and m.previous:
            claims.setdefault(m.previous, []).append((m.at, m.message_id, m.raw_user))
    named = []
    for m in messages:
        user = m.raw_user
        if user is None and m.anonymous in claims:
            said = sorted(claims[m.anonymous or ""])
            before = [claim for claim in said if claim[0] <= m.at]
            user = (before or said[:1])[-1][2]
        named.append(replace(m, user=ends.get(user, user) if user else None))
    calls: dict[tuple[str, str], list[tuple[datetime, str, str]]] = {}
    for m in named:
        if m.type == "group" and m.group:
            calls.setdefault(m.visitor, []).append((m.at, m.message_id, m.group))
    own = {ends.get(user, user) for user in internal_ids(messages, users, policy)}
    placed = []
    for m in named:
        account = m.group
        if account is None:
            before = sorted(call for call in calls.get(m.visitor, []) if call[0] <= m.at)
            account = before[-1][2] if before else None
        if account is None and m.user in users:
            version = known_at(users[m.user or ""], m.at)
            account = version.fields.get("account_id") if version else None
        account = account or "unresolved"
        internal = m.user in own or account in policy.accounts
        counts = m.type in policy.qualifying and not internal
        feature, miss = planned(m, policy.plan)
        fields = {"account": account, "internal": internal, "qualifying": counts, "plan_miss": miss}
        placed.append(replace(m, feature=feature if counts else None, **fields))
    return placed


def planned(m: Message, plan: Plan) -> tuple[str | None, str | None]:
    """(feature, how it misses the plan) of an event; without a plan a track event's own name is the feature."""
    if m.type != "track" or plan is None:
        return m.event, None
    if m.event not in plan:
        return None, "unknown event"
    entry, properties = plan[m.event], m.properties or {}
    lacking = sorted(name for name in entry.get("required", ()) if properties.get(name) in (None, ""))
    feature = None if entry.get("ignore") else entry.get("feature", m.event)
    return feature, "missing " + ", ".join(lacking) if lacking else None


def internal_ids(messages: list[Message], users: Mapping[str, list[Version]], policy: Policy) -> set[str]:
    """User ids, before aliases, that are the tenant's own: by id, e-mail domain or account, in any version."""
    ids = set(policy.users)
    for user, versions in users.items():
        for fields in (version.fields for version in versions):
            if _domain(fields.get("email")) in policy.domains or fields.get("account_id") in policy.accounts:
                ids.add(user)
    return ids | {m.raw_user for m in messages if m.raw_user and _domain(m.email) in policy.domains}


def _domain(email: str | None) -> str | None:
    return email.rpartition("@")[2].lower() if email and "@" in email else None


def sessions(messages: Iterable[Message], gap: timedelta = Policy.gap) -> list[Session]:
    """Runs with no gap above 30 min, split at the first event of a day after a day the run spans from its 00:00."""
    by_visitor: dict[tuple[str, str], list[Message]] = {}
    for m in messages:
        if m.qualifying:
            by_visitor.setdefault(m.visitor, []).append(m)
    runs = []
    for visitor, visits in by_visitor.items():
        visits.sort(key=_order)
        open_: list[Message] = []
        run_start = visits[0].at
        for m in visits:
            if open_ and m.at - open_[-1].at > gap:
                runs.append(_closed(visitor, open_))
                open_, run_start = [], m.at
            elif open_ and m.at.date() > open_[-1].at.date():
                midnight_before = datetime.combine(m.at.date() - timedelta(days=1), time(), UTC)
                if run_start <= midnight_before:
                    runs.append(_closed(visitor, open_))
                    open_ = []
            open_.append(m)
        runs.append(_closed(visitor, open_))
    return runs


def usage(messages: Iterable[Message]) -> dict[tuple[date, str, tuple[str, str], str | None], tuple[int, int]]:
    """(events of all types, qualifying ones) by (day, account, visitor, feature), without the tenant's own people."""
    counts: dict[Any, tuple[int, int]] = {}
    for m in messages:
        if not m.internal:
            key = (m.at.date(), m.account, m.visitor, m.feature)
            events, qualifying = counts.get(key, (0, 0))
            counts[key] = (events + 1, qualifying + m.qualifying)
    return counts


def _closed(visitor: tuple[str, str], visits: list[Message]) -> Session:
    return Session(visitor, visits[0].account, visits[0].at, visits[-1].at, len(visits))


def _order(m: Message) -> tuple[datetime, str]:
    return (m.at, m.message_id)
