"""METRICS §1 in plain Python over whole histories: who did what when, in which session, for which account.

Deliberately naive: every rule is a loop over everything, nothing is incremental, nothing is SQL.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

GAP = timedelta(minutes=30)
CLAMP = timedelta(minutes=5)
QUALIFYING = {"track", "page", "screen"}
Plan = Mapping[str, Mapping[str, Any]] | None  # a tracking plan's `events`


@dataclass(frozen=True)
class Message:
    """A deduplicated event with its times and, after `resolve`, who did it."""

    message_id: str
    type: str
    event: str | None
    raw_user: str | None
    anonymous: str | None
    previous: str | None
    group: str | None
    at: datetime
    received: datetime
    properties: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None
    account: str = "unresolved"

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


def moment(text: str | None) -> datetime | None:
    """An ISO 8601 time in UTC; without an offset it is UTC."""
    if not text:
        return None
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def deduplicated(copies: Iterable[Mapping[str, Any]]) -> list[Message]:
    """One message per id: the copy received first, equal times by the smaller canonical JSON."""
    best: dict[str, tuple[datetime, bytes, Message]] = {}
    for copy in copies:
        text = json.dumps(copy, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
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
            properties=copy.get("properties") or {},
        )
        rank = (received, text, message)
        if message.message_id not in best or rank[:2] < best[message.message_id][:2]:
            best[message.message_id] = rank
    return [entry[2] for entry in best.values()]


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


def resolve(messages: list[Message], users: Iterable[Mapping[str, Any]] = ()) -> list[Message]:
    """Each message with its user (claims, aliases) and account (group, calls, users rows)."""
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
    versions: dict[str, list[tuple[datetime, str | None]]] = {}
    for row in users:
        stamp = moment(row["updated_at"])
        assert stamp is not None
        versions.setdefault(row["user_id"], []).append((stamp, row.get("account_id")))
    placed = []
    for m in named:
        account = m.group
        if account is None:
            before = sorted(call for call in calls.get(m.visitor, []) if call[0] <= m.at)
            account = before[-1][2] if before else None
        if account is None and m.user in versions:
            rows = sorted(versions[m.user or ""], key=lambda row: row[0])
            known = [row for row in rows if row[0] <= m.at] or rows[:1]
            account = known[-1][1]
        placed.append(replace(m, account=account or "unresolved"))
    return placed


def sessions(messages: Iterable[Message]) -> list[Session]:
    """Runs with no gap above 30 min, split at the first event of a day after a day the run spans from its 00:00."""
    by_visitor: dict[tuple[str, str], list[Message]] = {}
    for m in messages:
        if m.type in QUALIFYING:
            by_visitor.setdefault(m.visitor, []).append(m)
    found = []
    for visitor, visits in by_visitor.items():
        visits.sort(key=_order)
        open_: list[Message] = []
        run_start = visits[0].at
        for m in visits:
            if open_ and m.at - open_[-1].at > GAP:
                found.append(_closed(visitor, open_))
                open_, run_start = [], m.at
            elif open_ and m.at.date() > open_[-1].at.date():
                midnight_before = datetime.combine(m.at.date() - timedelta(days=1), time(), UTC)
                if run_start <= midnight_before:
                    found.append(_closed(visitor, open_))
                    open_ = []
            open_.append(m)
        found.append(_closed(visitor, open_))
    return found


def usage(messages: Iterable[Message], plan: Plan = None) -> Counter[tuple[date, str, tuple[str, str], str | None]]:
    """Events of all types by (day, account, visitor, feature)."""
    return Counter((m.at.date(), m.account, m.visitor, feature(m, plan)) for m in messages)


def feature(m: Message, plan: Plan) -> str | None:
    """What the tracking plan makes of a track event; without a plan its own name."""
    if m.type != "track" or plan is None:
        return m.event
    entry = plan.get(m.event or "", {"ignore": True})
    return None if entry.get("ignore") else entry.get("feature", m.event)


def plan_miss(m: Message, plan: Plan) -> str | None:
    """How a track event misses the plan."""
    if m.type != "track" or plan is None:
        return None
    if m.event not in plan:
        return "unknown event"
    lacking = [name for name in plan[m.event].get("required", ()) if m.properties.get(name) in (None, "")]
    return "missing " + ", ".join(sorted(lacking)) if lacking else None


def _closed(visitor: tuple[str, str], visits: list[Message]) -> Session:
    return Session(visitor, visits[0].account, visits[0].at, visits[-1].at, len(visits))


def _order(m: Message) -> tuple[datetime, str]:
    return (m.at, m.message_id)
