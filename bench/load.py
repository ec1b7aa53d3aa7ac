"""A load generator in a process of its own: HTTP/1.1 over loopback, raw sockets, requests that were built before.

    python -m bench.load < plan.json      one plan (Plan as JSON) in, one result (Result as JSON) out

Without a rate it is a closed loop: each connection sends when it has its answer, which shows what the server can take.
With a rate it is an open one: requests have their moments beforehand (Poisson, seeded), and each is timed from its own
moment, also when every connection still waits for an answer: a server that stalls is charged for all it kept waiting.
"""

from __future__ import annotations

import json
import random
import re
import select
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
_WARM_UP = 0.1
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Plan:
    """`requests` (whole HTTP requests) are sent in turn. `rate`: requests a second; 0: as fast as they are answered."""

    address: str
    requests: list[str]
    seconds: float
    connections: int
    rate: float = 0


@dataclass(frozen=True)
class Result:
    """`replies` by status, of all that was sent; without the first tenth: replies a second, milliseconds (quantiles).

    `busy`: the share of one core that the generator itself took, so that it can be seen whether it was the limit.
    """

    replies: dict[str, int]
    per_second: float
    milliseconds: dict[str, float]
    busy: float


def load(plan: Plan) -> Result:
    """Carry out a plan in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=json.dumps(asdict(plan)), capture_output=True, text=True, cwd=ROOT
    )
    if run.returncode:
        raise SystemExit(f"the load generator failed: {run.stderr[-2000:]}")
    return Result(**json.loads(run.stdout))


class _Generator:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = [request.encode("latin-1") for request in plan.requests]
        self.number = 0
        self.replies: dict[str, int] = {}
        self.times: list[tuple[float, float]] = []  # when each was due, and answered
        self.partial: dict[int, bytes] = {}
        at = urlsplit(plan.address)
        self.poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        for _ in range(plan.connections):
            made = socket.create_connection((at.hostname, at.port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets[made.fileno()] = made
            self.poll.register(made.fileno(), select.EPOLLIN)

    def run(self) -> Result:
        begin, spent = time.perf_counter(), time.process_time()
        end = begin + self.plan.seconds
        (self._open if self.plan.rate else self._closed)(begin, end)
        busy = (time.process_time() - spent) / (time.perf_counter() - begin)
        start = begin + self.plan.seconds * _WARM_UP
        # By the moment at which they were due: what an overloaded server answers after the end is charged to it too.
        taken = sorted((done - due) * 1e3 for due, done in self.times if due >= start)
        if not taken:
            raise SystemExit(f"nothing was answered: {self.replies}")
        answered = sum(start <= done <= end for _, done in self.times)
        quantiles = {name: taken[min(int(len(taken) * q), len(taken) - 1)] for name, q in _QUANTILES.items()}
        return Result(self.replies, answered / (end - start), quantiles, busy)

    def _send(self, file: int) -> None:
        request = self.requests[self.number % len(self.requests)]
        self.number += 1
        self.sockets[file].sendall(request)

    def _is_answered(self, file: int) -> bool:
        part = self.sockets[file].recv(65_536)
        if not part:
            raise SystemExit("the server closed a connection")
        reply = self.partial.pop(file, b"") + part
        head, end, body = reply.partition(b"\r\n\r\n")
        size = _LENGTH.search(head)
        if not end or size is None or len(body) < int(size[1]):
            self.partial[file] = reply
            return False
        status = reply[9:12].decode()
        self.replies[status] = self.replies.get(status, 0) + 1
        return True

    def _closed(self, begin: float, end: float) -> None:
        sent = {}
        for file in self.sockets:
            sent[file] = time.perf_counter()
            self._send(file)
        while sent:
            for file, _ in self.poll.poll(10):
                if not self._is_answered(file):
                    continue
                now = time.perf_counter()
                self.times.append((sent.pop(file), now))
                if now < end:
                    sent[file] = now
                    self._send(file)

    def _open(self, begin: float, end: float) -> None:
        chance = random.Random(1)
        idle, sent = deque(self.sockets), {}
        waiting: deque[float] = deque()
        due = begin
        while sent or due < end or waiting:
            now = time.perf_counter()
            while due < end and due <= now:
                waiting.append(due)
                due += chance.expovariate(self.plan.rate)
            while waiting and idle:
                file = idle.popleft()
                sent[file] = waiting.popleft()
                self._send(file)
            if now > end + 30:
                raise SystemExit(f"{len(sent)} requests were never answered")
            # The kernel waits whole milliseconds; what is late by one is charged to the server.
            for file, _ in self.poll.poll(max(0.0, due - time.perf_counter()) if due < end and idle else 0.1):
                if not self._is_answered(file):
                    continue
                self.times.append((sent.pop(file), time.perf_counter()))
                idle.append(file)


_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


if __name__ == "__main__":
    print(json.dumps(asdict(_Generator(Plan(**json.load(sys.stdin))).run())))
