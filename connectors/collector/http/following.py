"""What the running collector has read of the catalog: again every two seconds, and at once for what is unknown.

What was read last goes on to count while the catalog cannot be read.
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
Entry = TypeVar("Entry")


class NotRead(Exception):
    """A name is unknown, and the catalog could not be read since it was asked for."""


class Following(Generic[Entry]):
    """Entries by name, as `load` gave them last; used on one event loop.

    `load` runs on a thread, gets the last entries, and may fail.
    """

    def __init__(self, load: Callable[[dict[str, Entry]], dict[str, Entry]]) -> None:
        self._entries: dict[str, Entry] = {}
        self._load = load
        self._read_at = self._tried_at = -math.inf
        self._reading = asyncio.Lock()

    @property
    def is_loaded(self) -> bool:
        """Whether the catalog could be read at least once."""
        return self._read_at > -math.inf

    @property
    def age(self) -> float:
        """Seconds since the catalog was read; infinite: never."""
        return time.monotonic() - self._read_at

    async def find(self, name: str) -> Entry | None:
        """The entry of a name; None: a catalog that was read after the question has none. NotRead: nobody knows."""
        asked = time.monotonic()
        entry = self._entries.get(name)
        if entry is None:
            if not await self._read_since(asked):
                raise NotRead
            entry = self._entries.get(name)
        return entry

    async def read(self) -> None:
        """Read the catalog, if it can be read."""
        await self._read_since(time.monotonic())

    async def follow(self) -> None:
        """Read the catalog again and again, until cancelled."""
        while True:
            await self.read()
            await asyncio.sleep(EVERY_SECONDS)

    async def _read_since(self, asked: float) -> bool:
        """Read it, unless somebody did or tried since `asked` (monotonic seconds); whether it was read since then."""
        async with self._reading:
            if self._tried_at < asked:
                await asyncio.sleep(self._tried_at + _AT_MOST_EVERY - time.monotonic())
                self._tried_at = time.monotonic()
                try:
                    entries = await asyncio.to_thread(self._load, self._entries)
                    self._entries, self._read_at = entries, self._tried_at
                except Exception as error:
                    # Whatever it is, the last entries go on to count.
                    _log.error("the catalog cannot be read", extra={"error": type(error).__name__})
            return self._read_at >= asked
