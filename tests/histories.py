"""Histories that try to break the engagement rules: few ids, few days, every kind of disorder.

A history is a pure function of a seed. hypothesis draws the seeds (a hundred a run, each its own tenant); drawing every
field through hypothesis itself overran its buffer before the tenth history was whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START = datetime(2024, 2, 27, tzinfo=UTC)  # around a leap day and a month's end
USERS = ("u1", "u2", "u3", "42")
ANONYMOUS = ("a1", "a2", "u2")  # one anonymousId is spelled like a user
ACCOUNTS = ("acme", "globex")
# Every other history has it: a feature that requires two properties, monitors that are none, and an unknown event.
PLAN = {"Report": {"feature": "reports", "required": ["id", "a b"]}, "Ping": {"ignore": True}}
_OFFSETS = ("+00:00", "Z", "-07:00", "+05:30", "")
_EDGES = (0, 1, 30, 60, 90, 1380, 1410, 1439)  # minutes: midnight, gaps of exactly 30 minutes


@dataclass(frozen=True)
class History:
    """Events in landing order cut into three batches, and users rows landed with one of them."""

    batches: list[list[dict[str, Any]]]
    users: list[dict[str, Any]]
    users_with_batch: int

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for batch in self.batches for event in batch]


def history(seed: int) -> History:
    """The history of a seed."""
    rng = Random(seed)
    found = [_event(rng) for _ in range(rng.randint(1, 30))]
    if rng.random() < 0.25:
        found += _monitor(rng)
        rng.shuffle(found)
    found += [rng.choice(found) for _ in range(rng.randint(0, 4))]
    cuts = sorted(rng.randint(0, len(found)) for _ in range(2))
    batches = [found[: cuts[0]], found[cuts[0] : cuts[1]], found[cuts[1] :]]
    return History(batches, _users(rng), rng.randint(0, 2))


def _event(rng: Random) -> dict[str, Any]:
    kind = rng.choice(("track", "track", "track", "page", "identify", "group", "alias"))
    at = _moment(rng)
    event: dict[str, Any] = {"messageId": f"m{rng.randint(0, 40)}", "type": kind}
    who = rng.choice(("user", "anonymous", "both"))
    if who != "anonymous" or kind == "alias":
        event["userId"] = rng.choice(USERS)
    if who != "user":
        event["anonymousId"] = rng.choice(ANONYMOUS)
    if kind == "track":
        event["event"] = rng.choice(("Report", "Exp'ört 😀"))
        event["properties"] = rng.choice(({}, {"id": 1, "a b": "x"}, {"id": "", "a b": None}, {"id": False, "a b": {}}))
    if kind == "alias":
        event["previousId"] = rng.choice(USERS + ANONYMOUS)
    if kind == "group":
        event["groupId"] = rng.choice(ACCOUNTS)
    elif rng.random() < 0.1:
        event["context"] = {"groupId": rng.choice(ACCOUNTS)}
    if rng.random() < 0.05:
        del event["messageId"]
    return event | _clock(rng, at)


def _clock(rng: Random, at: datetime) -> dict[str, str]:
    offset = rng.choice(_OFFSETS)
    received = at + timedelta(seconds=rng.choice((0, 2, 90, 86_400 * 2)))
    kind = rng.choice(("plain", "skewed", "received", "future"))
    if kind == "plain":
        return {"timestamp": text(at, offset)}
    if kind == "received":
        return {"timestamp": text(at, offset), "receivedAt": text(received, "Z")}
    if kind == "skewed":
        skew = timedelta(hours=rng.randint(-30, 30))
        return {
            "originalTimestamp": text(at + skew, offset),
            "sentAt": text(received + skew, offset),
            "receivedAt": text(received, "Z"),
        }
    return {"timestamp": text(at + timedelta(hours=9), offset), "receivedAt": text(at, "Z")}


def _moment(rng: Random) -> datetime:
    minute = rng.choice(_EDGES) if rng.random() < 0.6 else rng.randint(0, 1439)
    micro = rng.choice((0, 0, 0, 1, 999_999))
    return START + timedelta(days=rng.randint(0, 5), minutes=minute, microseconds=micro)


def _monitor(rng: Random) -> list[dict[str, Any]]:
    """Pings every 20 minutes that never stop, from a minute near midnight, over up to four days."""
    user, first = rng.choice(USERS), rng.choice((0, 5, 1420, 1439))
    return [
        {
            "messageId": f"ping{i}",
            "type": "track",
            "event": "Ping",
            "userId": user,
            "timestamp": text(START + timedelta(minutes=first + 20 * i), "Z"),
        }
        for i in range(rng.randint(60, 280))
    ]


def _users(rng: Random) -> list[dict[str, Any]]:
    rows = {}
    for _ in range(rng.randint(0, 4)):
        user, stamp = rng.choice(USERS), text(_moment(rng), "Z")
        rows[user, stamp] = {"user_id": user, "account_id": rng.choice(ACCOUNTS), "updated_at": stamp}
    return list(rows.values())


def text(at: datetime, offset: str) -> str:
    """`at` as ISO 8601 as a clock in that offset would say it; "" says none (UTC)."""
    if offset in ("", "Z", "+00:00"):
        return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + offset
    sign = 1 if offset[0] == "+" else -1
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])) * sign
    return (at + shift).strftime("%Y-%m-%dT%H:%M:%S.%f") + offset
