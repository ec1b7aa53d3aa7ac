"""What the running collector has read of the catalog: again every two seconds, and at once for what is unknown.

The value that was read last goes on to count while the catalog cannot be read.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Generic, TypeVar

EVERY_SECONDS = 2.0
# Something unknown is looked up at once, but not more often than this: anybody can ask for the unknown.
_AT_MOST_EVERY = 0.5
_log = logging.getLogger("tenure.collector")
Value = TypeVar("Value")


class Following(Generic[Value]):
    """The newest value that `load` gave; used on one event loop. `load` runs on a thread, may fail, gets the last."""

    def __init__(self, first: Value, load: Callable[[Value], Value]) -> None:
        self.value = first
        self._load = load
        self._read_at = self._tried_at = -math.inf
        self._reading = asyncio.Lock()

    @property
    def is_loaded(self) -> bool:
        """Whether it could be read at least once."""
        return self._read_at > -math.inf

    @property
    def age(self) -> float:
        """Seconds since it was read; infinite: never."""
        return time.monotonic() - self._read_at

    async def read_since(self, asked: float) -> bool:
        """Read it, unless somebody did or tried since `asked` (monotonic seconds); whether it was read since then."""
        async with self._reading:
            if self._tried_at < asked:
                await asyncio.sleep(self._tried_at + _AT_MOST_EVERY - time.monotonic())
                self._tried_at = time.monotonic()
                try:
                    self.value, self._read_at = await asyncio.to_thread(self._load, self.value), self._tried_at
                except Exception as error:
                    # Whatever it is, the last value goes on to count.
                    _log.error("the catalog cannot be read", extra={"error": type(error).__name__})
            return self._read_at >= asked

    async def follow(self) -> None:
        """Read it again and again, until cancelled."""
        while True:
            await self.read_since(time.monotonic())
            await asyncio.sleep(EVERY_SECONDS)
