"""The clients of one fault: devices that send seeded events and send again what was not acknowledged, as an SDK does.

A device keeps its events until a reply of 200: a connection that breaks, 429 and 5xx make it send the same events once
more, with another sentAt. So each row of bronze tells by its sentAt which attempt it came from.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

REQUESTS = 5
_TIMEOUT, _PATIENCE = 20.0, 90.0
_START = datetime(2026, 3, 1, 10, tzinfo=UTC)
_NOT_YET = {"not_writable", "catalog_unreadable", "busy"}


@dataclass(frozen=True)
class Device:
    """Who sends: a source of a tenant, by its write key."""

    tenant: str
    source: str
    key: str


@dataclass
class Attempt:
    """One request as it was sent: `sent_at` names it, `good` and `bad` are the ids of its events.

    `deliveries`: how often it may have arrived; `acks`: how often that was acknowledged; `skew`: what the events'
    original timestamps are.
    """

    source: str
    tenant: str
    sent_at: str
    good: list[str]
    bad: list[str]
    deliveries: int = 1
    acks: int = 0
    began: float = 0.0
    ended: float = 0.0
    original: str = ""


@dataclass
class Told:
    """What the clients of one fault say: every attempt, what went wrong with replies, and how often they disturbed."""

    attempts: list[Attempt] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    disturbed: int = 0
    refused: int = 0


def send_all(devices: Sequence[Device], ports: Sequence[int], seed: str, how: str, pause: float) -> Told:
    """Send everything of all devices and return when all of it is acknowledged.

    `how`: what the network does to them (plan.KINDS, those that strike it; empty: nothing).
    """
    sent, lock = Told(), threading.Lock()
    work = [
        threading.Thread(target=_Device(device, ports, f"{seed}/{number}", how, pause, sent, lock).run)
        for number, device in enumerate(devices)
    ]
    for one in work:
        one.start()
    for one in work:
        one.join()
    return sent


class _Device:
    def __init__(
        self, device: Device, ports: Sequence[int], seed: str, how: str, pause: float, sent: Told, lock: Any
    ) -> None:
        self.device, self.ports, self.how, self.pause, self.sent, self.lock = device, ports, how, pause, sent, lock
        self.random, self.number, self.ids = Random(seed), 0, [0]
        self.until = time.monotonic() + _PATIENCE

    def run(self) -> None:
        try:
            requests = [self._request() for _ in range(REQUESTS)]
            if self.how == "reordered":
                # Connections of their own, all at once, the last first.
                self.sent.disturbed += 1
                both = [threading.Thread(target=self._deliver, args=(one,)) for one in reversed(requests)]
                for one in both:
                    one.start()
                for one in both:
                    one.join()
            else:
                for request in requests:
                    self._deliver(request)
                    time.sleep(self.random.random() * self.pause)
        except Exception as error:
            self.sent.problems.append(f"client: {type(error).__name__}: {error}")

    def _request(self) -> tuple[str, list[dict[str, Any]], list[str], list[str], timedelta]:
        """(path, events, ids of the good ones, ids of the bad ones, how wrong the clock is) of one request."""
        random, events, good, bad = self.random, [], [], []
        skew = timedelta()
        if self.how == "skewed":
            skew = timedelta(hours=random.choice((-50, -3, 2, 30)))
            self.sent.disturbed += 1
        for _ in range(random.randint(1, 4)):
            # Now and then an id that was used before: another copy of a known event.
            is_again = random.random() < 0.08 and self.ids[0] > 0
            n = random.randrange(self.ids[0]) if is_again else self.ids[0]
            self.ids[0] += not is_again
            name = f"{self.device.source}-{n}"
            if name not in good:
                good.append(name)
                events.append(self._event(name, skew))
        if len(events) == 1 and random.random() < 0.5:
            return f"/v1/{random.choice(('t', 'track'))}", events, good, bad, skew
        if random.random() < 0.2:
            events.append(dict(events[0]))  # twice in one request: one copy
        if random.random() < 0.25:
            name = f"{self.device.source}-bad-{self.ids[0]}-{random.randrange(1000)}"
            bad.append(name)
            events.insert(0, {**self._event(name, skew), **random.choice(({"type": "merge"}, {"event": None}))})
        return "/v1/batch", events, good, bad, skew

    def _event(self, name: str, skew: timedelta) -> dict[str, Any]:
        at = _START + skew
        made = {"type": "track", "event": "Opened", "messageId": name, "userId": "u1", "originalTimestamp": _iso(at)}
        return {**made, "timestamp": _iso(at), "properties": {"text": "x" * self.random.randrange(1500), "ü": "世界"}}

    def _deliver(self, request: tuple[str, list[dict[str, Any]], list[str], list[str], timedelta]) -> None:
        path, events, good, bad, skew = request
        while True:
            with self.lock:
                self.number += 1
                # One that no other attempt of this device has, to the millisecond; a wrong clock is wrong by hours.
                sent_at = _iso(_START + timedelta(minutes=1, milliseconds=self.number) + skew)
            single = path != "/v1/batch"
            body = {**events[0], "sentAt": sent_at} if single else {"batch": events, "sentAt": sent_at}
            attempt = Attempt(self.device.source, self.device.tenant, sent_at, good, bad, original=_iso(_START + skew))
            with self.lock:
                self.sent.attempts.append(attempt)
            if self._attempt(path, json.dumps(body).encode(), attempt):
                return
            if time.monotonic() > self.until:
                with self.lock:
                    self.sent.problems.append(f"{sent_at} of {self.device.source} was never acknowledged")
                return
            time.sleep(0.02)

    def _attempt(self, path: str, body: bytes, attempt: Attempt) -> bool:
        """Whether the device knows that it arrived."""
        happens = self.how if self.random.random() < 0.4 else ""
        attempt.began = time.time()
        try:
            if happens == "twice":
                return self._twice(path, body, attempt)
            # Half a body is no event.
            attempt.deliveries = 0 if happens == "half" else 1
            status = self._post(path, body, happens)
        except OSError:
            status = None
        attempt.ended = time.time()
        attempt.acks += status == 200
        # A reply that is lost on its way: the collector has acknowledged, the device does not know it.
        return status == 200 and happens != "lost"

    def _twice(self, path: str, body: bytes, attempt: Attempt) -> bool:
        """A proxy delivers one request two times at once."""
        attempt.deliveries, statuses = 2, []

        def post() -> None:
            try:
                statuses.append(self._post(path, body, ""))
            except OSError:
                statuses.append(None)

        both = [threading.Thread(target=post) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        attempt.ended, attempt.acks = time.time(), statuses.count(200)
        self.sent.disturbed += 1
        return attempt.acks > 0

    def _post(self, path: str, body: bytes, happens: str) -> int | None:
        """The status; None where the connection was cut by us. OSError: by others."""
        packed = gzip.compress(body, 1) if self.random.random() < 0.3 else body
        key = base64.b64encode(f"{self.device.key}:".encode()).decode()
        head = f"POST {path} HTTP/1.1\r\nHost: collector\r\nAuthorization: Basic {key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(packed)}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.random.choice(self.ports)), timeout=_TIMEOUT) as connection:
            if happens == "half":
                self.sent.disturbed += 1
                connection.sendall(head.encode() + packed[: len(packed) // 2])
                return None
            connection.sendall(head.encode() + packed)
            if happens == "lost":
                self.sent.disturbed += 1
                if self.random.random() < 0.5:
                    return None
            return self._heard(connection)

    def _heard(self, connection: socket.socket) -> int:
        heard = b""
        while part := connection.recv(65536):
            heard += part
        header, _, reply = heard.partition(b"\r\n\r\n")
        if not header.startswith(b"HTTP/1.1 "):
            raise OSError("the connection was closed without a reply")
        status = int(header.split()[1])
        if status == 200 and reply != b'{"success":true}':
            raise OSError("the reply was cut")
        if status != 200:
            code = json.loads(reply).get("code") if reply.startswith(b"{") else reply[:80]
            with self.lock:
                self.sent.refused += 1
                if status != 503 or code not in _NOT_YET:
                    self.sent.problems.append(f"replied {status} {code}")
        return status


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
