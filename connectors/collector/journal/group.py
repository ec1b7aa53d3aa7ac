"""Group commit: many requests wait for one fsync.

    append() ─▶ waiting ─▶ writer thread: all that waits, one write, one fdatasync ─▶ every request of the group goes on

While one group is on its way to the disk the next one gathers, so a slow disk makes larger groups, not longer queues.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from connectors.collector.journal.journal import Journal, NotWritable

# What may wait for the disk; beyond it clients are told to come again, for memory is bounded and they keep their data.
MOST_WAITING = 64 * 1024 * 1024
_GROUP_BYTES = 8 * 1024 * 1024
_ASKED_EVERY = 0.1

_Waiting = tuple[bytes, "asyncio.Future[None]"]


class GroupCommit:
    """Appends of one event loop to a journal; a thread of its own does the writing."""

    def __init__(
        self,
        journal: Journal,
        on_failure: Callable[[str], None] = lambda _: None,
        on_group: Callable[[int, float], None] = lambda _, __: None,
    ) -> None:
        """On the writer's thread `on_failure` hears why a group could not be kept, `on_group` of the others.

        `on_group`: how many payloads reached the disk together, and in how many seconds.
        """
        self.journal, self._on_failure, self._on_group = journal, on_failure, on_group
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    async def append(self, payload: bytes) -> None:
        """Return when the payload is on the disk. NotWritable: it is not, and nothing of it counts."""
        done = self._loop.create_future()
        with self._wake:
            if self._closing:
                raise NotWritable("the collector is stopping")
            if self._bytes and self._bytes + len(payload) > MOST_WAITING:
                raise NotWritable("the disk is too slow: too much waits for it")
            self._waiting.append((payload, done))
            self._bytes += len(payload)
            self._wake.notify()
        # Cancelled with its request or not: what waits here is written all the same.
        await done

    @property
    def waiting_bytes(self) -> int:
        """What waits for the disk now."""
        return self._bytes

    async def close(self) -> None:
        """Write what waits, close the journal's segment and give the journal back."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)
        self.journal.close()

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._waiting and not self._closing:
                    self._wake.wait(_ASKED_EVERY)
                group = self._take()
                if not group and self._closing:
                    return
            if group:
                self._write(group)
            with suppress(OSError):
                self.journal.close_if_asked()

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._waiting and (not group or size + len(self._waiting[0][0]) <= _GROUP_BYTES):
            payload, done = self._waiting.popleft()
            group.append((payload, done))
            size += len(payload)
        self._bytes -= size
        return group

    def _write(self, group: list[_Waiting]) -> None:
        error: Exception | None = None
        clock = time.perf_counter()
        try:
            self.journal.append([payload for payload, _ in group])
            self._on_group(len(group), time.perf_counter() - clock)
        except Exception as failure:
            # Whatever it is: a writer that died would leave every later request waiting for ever.
            error = failure if isinstance(failure, NotWritable) else NotWritable(type(failure).__name__)
            self._on_failure(str(error))
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_tell, [done for _, done in group], error)


def _tell(waiting: list[asyncio.Future[None]], error: Exception | None) -> None:
    for done in waiting:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
