"""A connection that waits for a client with patience, and not for ever.

uvicorn waits for a request's head and body as long as a byte comes now and then: a thousand clients that send a byte a
second would hold a thousand connections. Here a request has to be whole within READ_SECONDS. Its connection is closed
without an answer, because that is what every SDK sends again after: Rudder's drop their data on 408.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# 8 MiB in this time is 1.1 Mbit/s.
READ_SECONDS = 60.0
_OFFER = re.compile(rb"\nupgrade:", re.IGNORECASE)


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with a bound on the time from a request's first byte (or the connection) to its last."""

    _is_inside = False
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_inside and b"pgrade:" in data:
            data = _declined(data)
        super().data_received(data)
        # The usual request comes in one piece, and no clock was started for it.
        if self._is_inside and self._limit is None:
            self._wait()

    def on_message_begin(self) -> None:
        self._is_inside = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._is_inside = False
        self._stop_waiting()
        super().on_message_complete()

    def _wait(self) -> None:
        self._limit = self.loop.call_later(READ_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


def _declined(data: bytes) -> bytes:
    """A request without its offer of another protocol (Java's client offers h2c): httptools drops the body behind one.

    The application would find no events, answer 400, and the client would drop them.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    return _OFFER.sub(b"\nx-upgrade:", head) + end + body
