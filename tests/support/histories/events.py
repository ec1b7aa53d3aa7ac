"""Histories that try to break the rules of METRICS §1: few ids, few days, every kind of disorder, borders drawn often.

A history is a pure function of a seed. hypothesis draws a seed, hundreds of histories follow from it, each its own
tenant; drawing every field through hypothesis itself overran its buffer before the tenth history was whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.support.histories.records import Delivery, record_deliveries

Row = dict[str, Any]
USERS = ("u1", "u2", "u3", "42")
ANONYMOUS = ("a1", "a2", "u2")  # one anonymousId is spelled like a user
ACCOUNTS = ("acme", "globex")
EVENTS = ("Report", "Exp'ört 😀", "Alpha", "Beta")
# Half of the tenants have it: a feature that requires two properties, an event that is none, and unknown events.
PLAN = {"Report": {"feature": "reports", "required": ["id", "a b"]}, "Alpha": {"ignore": True}}
PROPERTIES = ({}, {"id": 1, "a b": "x"}, {"id": "", "a b": None}, {"id": False, "a b": {}})
# A leap day at a month's end; a Monday of ISO week 1 in the old year; a Sunday of week 52 in the new; summer time.
STARTS = tuple(datetime(*day, tzinfo=UTC) for day in ((2024, 2, 27), (2024, 12, 28), (2022, 12, 30), (2024, 3, 29)))
# Days of silence at which trailing windows of 7, 28, 30 and 56 days let go.
SILENCES = (1, 6, 7, 8, 27, 28, 29, 30, 31, 55, 56, 57)
MICRO = timedelta(microseconds=1)
_OFFSETS = ("+00:00", "Z", "-07:00", "+05:30", "")
_EDGES = (0, 1, 30, 60, 90, 1380, 1410, 1439)  # minutes: midnight, gaps of exactly 30 minutes


@dataclass(frozen=True)
class History:
    """Deliveries in landing order, cut into batches with a run after each, and the tenant's settings."""

    batches: list[list[Delivery]]
    settings: dict[str, Any] = field(default_factory=dict)

    def deliveries(self, object: str) -> Iterator[Delivery]:
        """Deliveries of one object, in landing order."""
        return (delivery for batch in self.batches for delivery in batch if delivery.object == object)

    @property
    def events(self) -> list[Row]:
        """Every copy of every event, in landing order."""
        return [row for delivery in self.deliveries("events") for row in delivery.rows]


def history(seed: int, batches: int = 3) -> History:
    """The history of a seed."""
    rng = Random(seed)
    tale = _Tale(rng)
    tale.random_events(rng.randint(1, 16))
    scenes = (tale.steps, tale.claims_at_once, tale.calls_at_once, tale.renames, tale.silence, tale.monitor)
    for scene, chance in zip(scenes, (0.7, 0.4, 0.4, 0.4, 0.4, 0.07), strict=True):
        if rng.random() < chance:
            scene()
    tale.copies(rng.choice((0, 2, 4, 8)))
    landed: list[list[Delivery]] = [[] for _ in range(batches)]
    cuts = _shuffled(rng, tale.sent, batches - 1) if rng.random() < 0.5 else _belated(rng, tale.sent, batches - 1)
    for batch, first, last in zip(landed, [0, *cuts], [*cuts, len(tale.sent)], strict=True):
        if first < last:
            rows = [row for row, _, _ in tale.sent[first:last]]
            batch.append(Delivery("events", rows, tale.watermark() if rng.random() < 0.1 else None))
    for delivery in record_deliveries(rng, tale.moment):
        landed[rng.randrange(batches)].append(delivery)
    return History(landed, tale.settings)


def _shuffled(rng: Random, sent: list[Any], count: int) -> list[int]:
    """Any order, and where to cut it."""
    rng.shuffle(sent)
    return sorted(rng.randint(0, len(sent)) for _ in range(count))


def _belated(rng: Random, sent: list[Any], count: int) -> list[int]:
    """In order but for a few events, which come one batch after the other at the end: most days stay as they were."""
    sent.sort(key=lambda one: one[1])
    for _ in range(rng.randint(0, min(4, len(sent) - 1))):
        sent.append(sent.pop(rng.randrange(len(sent) - 1)))
    return sorted(len(sent) - rng.randint(0, min(3, len(sent) - 1)) for _ in range(count))


class _Tale:
    """What happened to one tenant: `sent` holds (event as sent, when it happened, when it was received)."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.sent = rng, list[tuple[Row, datetime, datetime]]()
        start = rng.choice(STARTS)
        self.days = [start + timedelta(days=day) for day in range(rng.randint(1, 6))]
        self.settings: dict[str, Any] = {"trend_min_events": rng.choice((0, 1, 3))}
        if rng.random() < 0.2:
            self.settings["session_gap_minutes"] = rng.choice((20, 45))
        if rng.random() < 0.1:
            self.settings["qualifying_types"] = ["track", "identify"]
        if rng.random() < 0.3:
            kind, value = rng.choice((("users", "u3"), ("domains", "corp.example"), ("accounts", "globex")))
            self.settings["internal_users"] = {kind: [value]}
        if rng.random() < 0.5:
            self.settings["tracking_plan"] = {"version": 1, "events": PLAN}
        self.gap = timedelta(minutes=self.settings.get("session_gap_minutes", 30))

    def moment(self) -> datetime:
        """A time on one of the tenant's days; more than half lie on a border."""
        minute = self.rng.choice(_EDGES) if self.rng.random() < 0.6 else self.rng.randint(0, 1439)
        micro = self.rng.choice((0, 0, 0, 1, 999_999))
        return self.rng.choice(self.days) + timedelta(minutes=minute, microseconds=micro)

    def watermark(self) -> str:
        """A date near the end of what is told: before it, on it or after it."""
        return (max(self.days) + timedelta(days=self.rng.randint(-2, 9))).date().isoformat()

    def tell(
        self, kind: str, at: datetime, clock: Row | None = None, received: datetime | None = None, **who: str
    ) -> None:
        """Add an event; without `who`, by anybody; without `clock`, with the time as it happened."""
        row: Row = {"messageId": f"m{self.rng.randint(0, 400)}", "type": kind} | (who or self.anybody())
        if kind == "track":
            row["event"] = self.rng.choice(EVENTS)
            if self.rng.random() < 0.7:
                row["properties"] = self.rng.choice(PROPERTIES)
        if kind == "identify" and self.rng.random() < 0.3:
            row["traits"] = {"email": self.rng.choice(("X@Corp.example", "x@else.example", "x"))}
        self.sent.append((row | (clock or {"timestamp": text(at, "Z")}), at, received or at))

    def anybody(self) -> dict[str, str]:
        """A user, an anonymous visitor, or both at once, which is a claim."""
        user, anonymous = {"userId": self.rng.choice(USERS)}, {"anonymousId": self.rng.choice(ANONYMOUS)}
        return self.rng.choice((user, user, anonymous, user | anonymous))

    def random_events(self, count: int) -> None:
        """Events of every type with clocks of every kind."""
        for _ in range(count):
            kind = self.rng.choice(("track", "track", "track", "page", "screen", "identify", "group", "alias"))
            who, at = self.anybody(), self.moment()
            if kind == "alias":
                who |= {"userId": self.rng.choice(USERS), "previousId": self.rng.choice(USERS + ANONYMOUS)}
            if kind == "group":
                who["groupId"] = self.rng.choice(ACCOUNTS)
            clock, received = _clock(self.rng, at)
            self.tell(kind, at, clock, received, **who)
            row = self.sent[-1][0]
            if self.rng.random() < 0.1:
                row["context"] = {"groupId": self.rng.choice(ACCOUNTS)}
            if self.rng.random() < 0.05:
                del row["messageId"]

    def steps(self) -> None:
        """A visitor whose events are apart by the session gap exactly, a microsecond more or less, or not at all."""
        who, at = self.anybody(), self.moment()
        for _ in range(self.rng.randint(2, 7)):
            self.tell(self.rng.choice(("track", "page")), at, **who)
            if self.rng.random() < 0.2:
                self.sent[-1][0]["context"] = {"groupId": self.rng.choice(ACCOUNTS)}
            near = (self.gap, self.gap, self.gap + MICRO, self.gap - MICRO, 0 * MICRO)
            at += self.rng.choice((*near, timedelta(hours=23)))

    def claims_at_once(self) -> None:
        """Two users claim one anonymousId at one instant, and events stand at, before and after it."""
        name, at = self.rng.choice(ANONYMOUS), self.moment()
        for user in self.rng.sample(USERS, self.rng.randint(1, 3)):
            if self.rng.random() < 0.3:
                self.tell("alias", at, userId=user, previousId=name)
            else:
                self.tell(self.rng.choice(("track", "identify")), at, userId=user, anonymousId=name)
        for near in (-MICRO, 0 * MICRO, MICRO):
            self.tell("track", at + near, anonymousId=name)
            if self.rng.random() < 0.3:
                self.tell("group", at + near, anonymousId=name, groupId=self.rng.choice(ACCOUNTS))

    def calls_at_once(self) -> None:
        """Group calls of one visitor at one instant, and events at, before and after it."""
        who, at = self.anybody(), self.moment()
        for account in self.rng.sample(ACCOUNTS, self.rng.randint(1, 2)):
            self.tell("group", at, groupId=account, **who)
        for near in (-MICRO, 0 * MICRO, MICRO):
            self.tell("page", at + near, **who)

    def renames(self) -> None:
        """Aliases in a chain, now and then closed to a circle or with a tail; often at one instant."""
        names = self.rng.sample((*USERS, "old1", "old2", *ANONYMOUS[:2]), self.rng.randint(2, 6))
        if self.rng.random() < 0.4:
            names.append(self.rng.choice(names[:-1]))
        at = self.moment()
        for old, new in zip(names, names[1:], strict=False):
            self.tell("alias", at if self.rng.random() < 0.4 else self.moment(), previousId=old, userId=new)
        for name in self.rng.sample(names, 2):
            self.tell("track", self.moment(), userId=name)

    def silence(self) -> None:
        """Days without anything, as long as a trailing window, then a little life; sometimes an event long before."""
        for _ in range(self.rng.randint(1, 2)):
            edge, step = (max(self.days), 1) if self.rng.random() < 0.8 else (min(self.days), -1)
            self.days.append(edge + step * timedelta(days=self.rng.choice(SILENCES)))
            at = self.days[-1] + timedelta(minutes=self.rng.choice(_EDGES))
            for _ in range(self.rng.randint(1, 2)):
                self.tell("track", at)

    def monitor(self) -> None:
        """Pings as far apart as the session gap that never stop, from a minute near midnight, over up to five days."""
        user, first = self.rng.choice(USERS), self.days[0] + timedelta(minutes=self.rng.choice((0, 0, 5, 1420, 1439)))
        for step in range(self.rng.randint(50, 240)):
            self.tell("track", first + step * self.gap, userId=user)
            self.sent[-1][0]["messageId"] = f"ping{step}"

    def copies(self, count: int) -> None:
        """More copies of told messages: the same, other content, another day; received before, after or at once."""
        for _ in range(count):
            row, at, received = self.rng.choice(self.sent)
            kind = self.rng.choice(("same", "content", "content", "time", "user"))
            if kind != "same":
                moved = timedelta(days=self.rng.choice((-1, 0, 3, 32)), seconds=1)
                when = at + (moved if kind == "time" else 0 * MICRO)
                came = received + self.rng.choice((0, 0, 1, -1)) * self.rng.choice((MICRO, timedelta(days=1)))
                row = {k: v for k, v in row.items() if k not in ("originalTimestamp", "sentAt")}
                row |= {"timestamp": text(when, "Z"), "receivedAt": text(came, "Z")}
                if kind == "content":
                    row["properties"] = {"n": self.rng.randint(0, 9)}
                if kind == "user" and row["type"] != "alias":
                    row["userId"] = self.rng.choice(USERS)
            self.sent.append((row, at, received))


def _clock(rng: Random, at: datetime) -> tuple[Row, datetime]:
    """The times of an event that happened at `at`, and when it was received."""
    offset = rng.choice(_OFFSETS)
    received = at + timedelta(seconds=rng.choice((0, 2, 90, 86_400 * 2)))
    kind = rng.choice(("plain", "skewed", "received", "future"))
    if kind == "plain":
        return {"timestamp": text(at, offset)}, at
    if kind == "received":
        return {"timestamp": text(at, offset), "receivedAt": text(received, "Z")}, received
    if kind == "skewed":
        skew = timedelta(hours=rng.randint(-30, 30))
        times = {"originalTimestamp": at + skew, "sentAt": received + skew}
        return {n: text(t, offset) for n, t in times.items()} | {"receivedAt": text(received, "Z")}, received
    # As late as the clamp allows, or later.
    late = timedelta(minutes=rng.choice((5, 5, 540)), microseconds=rng.choice((0, 1)))
    return {"timestamp": text(at + late, offset), "receivedAt": text(at, "Z")}, at


def text(at: datetime, offset: str) -> str:
    """`at` as ISO 8601 as a clock in that offset would say it; "" says none (UTC)."""
    if offset in ("", "Z", "+00:00"):
        return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + offset
    sign = 1 if offset[0] == "+" else -1
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])) * sign
    return (at + shift).strftime("%Y-%m-%dT%H:%M:%S.%f") + offset
