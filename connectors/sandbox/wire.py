"""From what happened to what a tracker sends: delays, wrong clocks, offsets, copies. The event time rule undoes it.

A device whose clock is wrong by s sends originalTimestamp t+s and sentAt t+s+d; we receive at t+d. A server's library
says `timestamp` alone, in its own offset. Copies carry the same messageId and were received later than the original.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import orjson

from connectors.sandbox.story import DAY, HOUR, MINUTE, Moment
from connectors.sandbox.tenants import SimulatedTenant
from connectors.sandbox.truth import Truth

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLAMP = 5 * MINUTE


class Wire:
    """Turns moments into lines of JSON. `end` (UTC milliseconds): nothing is received at or after it."""

    def __init__(self, tenant: SimulatedTenant, rng: Random, end: int, truth: Truth) -> None:
        self.tenant, self.rng, self.end, self.truth = tenant, rng, end, truth

    def lines(self, moment: Moment) -> Iterator[tuple[int, bytes]]:
        """(place in the file as UTC milliseconds, line) of a moment's message and of its copies."""
        rng = self.rng
        message = self._body(moment)
        received = self._stamp(message, moment, self._delay(moment))
        line = orjson.dumps(message)
        self.truth.totals["lines"] += 1
        yield received, line
        if moment.is_plain or rng.random() >= self.tenant.duplicated:
            return
        later = received + rng.randrange(1, 3 * HOUR)
        if later >= self.end:
            return
        self.truth.totals["lines"] += 1
        kind = rng.random()
        if kind < 0.3:
            # The same bytes again: an export that overlaps another.
            self.truth.totals["exact_copies"] += 1
            yield later, line
            return
        if kind < 0.7:
            # A retry: the same event, sent and received later.
            self._stamp(message, moment, later - moment.at)
        else:
            # A faulty client: the same id, but another content and time.
            self._stamp(message, moment, later - moment.at)
            message["properties"] = {"retried": True}
            for name in ("timestamp", "originalTimestamp"):
                if name in message:
                    message[name] = _iso(moment.at + moment.skew - rng.randrange(1, 3) * DAY)
        message["receivedAt"] = _iso(later)
        # Some copies stand in the file before their original, because files are not written in order of receipt.
        yield (received - 1 if rng.random() < 0.2 else later), orjson.dumps(message)

    def _body(self, moment: Moment) -> dict[str, Any]:
        rng = self.rng
        body: dict[str, Any] = {"messageId": f"{rng.getrandbits(96):024x}", "type": moment.type}
        if moment.user is not None:
            body["userId"] = moment.user
        if moment.anonymous is not None:
            body["anonymousId"] = moment.anonymous
        if moment.type == "track":
            body["event"] = moment.name
            body["properties"] = {"duration_ms": rng.randrange(40, 4_000)}
        elif moment.name is not None:
            body["name"] = moment.name
            body["properties"] = {"path": "/" + moment.name.lower().replace(" ", "-")}
        if moment.previous is not None:
            body["previousId"] = moment.previous
        if moment.group is not None:
            body["groupId"] = moment.group
        if moment.traits is not None:
            body["traits"] = moment.traits
        context: dict[str, Any] = {"library": {"name": f"analytics-{moment.channel}"}}
        if moment.context_group is not None:
            context["groupId"] = moment.context_group
        body["context"] = context
        return body

    def _delay(self, moment: Moment) -> int:
        """Milliseconds from the event to its receipt."""
        rng = self.rng
        if moment.flushed is not None:
            return max(0, moment.flushed - moment.at)
        if moment.channel == "server":
            delay = rng.randrange(10 * MINUTE, 30 * HOUR) if rng.random() < 0.01 else rng.randrange(30, 2_000)
        else:
            delay = rng.randrange(150, 5_000)
        return max(0, min(delay, self.end - 1 - moment.at))

    def _stamp(self, body: dict[str, Any], moment: Moment, delay: int) -> int:
        """Write the four times; the received time in UTC milliseconds."""
        received = moment.at + delay
        if moment.channel != "server":
            body["originalTimestamp"] = _iso(moment.at + moment.skew)
            body["sentAt"] = _iso(moment.at + moment.skew + delay)
            # What the device believes; the rule never looks at it while the other three are there.
            body["timestamp"] = body["originalTimestamp"]
        elif not moment.is_plain and "timestamp" not in body and self.rng.random() < 0.002:
            # A server whose clock is fast: its time is set back to the receipt + 5 minutes.
            received = moment.at - _CLAMP
            body["timestamp"] = _iso(moment.at + 20 * MINUTE)
        else:
            body["timestamp"] = _iso(moment.at, moment.offset_hours)
        body["receivedAt"] = _iso(received)
        return received


def _iso(millis: int, offset_hours: int = 0) -> str:
    moment = _EPOCH + timedelta(milliseconds=millis)
    if offset_hours:
        return moment.astimezone(timezone(timedelta(hours=offset_hours))).isoformat(timespec="milliseconds")
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{millis % 1000:03d}Z"
