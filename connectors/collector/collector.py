"""What the endpoints of one collector share: keys, webhooks, the journal, and a bound on the bodies in memory."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress

from connectors.collector.http import protocol
from connectors.collector.http.keys import Keys, Writer
from connectors.collector.http.messages import Message
from connectors.collector.http.metrics import Metrics
from connectors.collector.http.protocol import MOST_BODY, Refusal
from connectors.collector.journal.group import GroupCommit
from connectors.collector.journal.journal import Journal, NotWritable
from connectors.collector.webhooks.endpoint import HookEndpoint
from connectors.contracts.times import now_micros
from warehouse_models.lake.lake import Lake

# Bodies that are read or wait for the disk, all together.
MOST_HELD = 256 * 1024 * 1024
# Larger bodies are unpacked and read off the event loop: 8 MiB take 50 ms, in which nobody else would be answered.
_LARGE = 128 * 1024
# How long a start waits for the catalog; a store that hangs is waited for behind replies that say so.
_SETTLED_SECONDS = 5.0
_log = logging.getLogger("tenure.collector")


class Collector:
    """Takes events and deliveries for one journal. Make it on the event loop that serves (`running`)."""

    def __init__(self, lake: Lake, journal: Journal, metrics: Metrics) -> None:
        self.keys, self._metrics = Keys(lake), metrics
        self.group = GroupCommit(journal, _log_failure, metrics.synced)
        self.deliveries = HookEndpoint(lake, self.keys, self.append)
        self.hooks = self.deliveries.hooks
        self._is_settled = asyncio.Event()
        self._held = 0
        metrics.watch(
            journal.folder,
            catalog_age_seconds=lambda: self.keys.age,
            request_bytes=lambda: float(self._held),
            waiting_bytes=lambda: float(self.group.waiting_bytes),
        )

    async def follow(self) -> None:
        """Follow the catalog until cancelled; settled once it was read, or could not be."""
        await asyncio.gather(self.keys.read(), self.hooks.read())
        # All is imported by now, and lives as long as the process: looking through it for garbage again and again took
        # a third of the time, and 80 ms at once, in which nobody was answered.
        gc.collect()
        gc.freeze()
        self._is_settled.set()
        await asyncio.gather(self.keys.follow(), self.hooks.follow())

    async def settle(self) -> None:
        """Wait until the catalog was read: who comes meanwhile waits, instead of being told to come again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_settled.wait(), _SETTLED_SECONDS)

    @asynccontextmanager
    async def body(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """The body of a request, counted as held until the end. Refusal 413: it is too large; 503: all are together."""
        held = 0
        try:
            parts = []
            async for chunk in chunks:
                held += len(chunk)
                self._held += len(chunk)
                if held > MOST_BODY:
                    raise protocol.too_large()
                if self._held > MOST_HELD:
                    raise Refusal(503, "busy", "too many requests at once; come again", 1)
                parts.append(chunk)
            yield b"".join(parts)
        finally:
            self._held -= held

    async def keep(self, call: str, writer: Writer | None, raw: bytes) -> None:
        """Return when the events of a body are on the disk. `writer` None: the body names it. Refusal: they are not."""
        received = now_micros()
        is_large = len(raw) > _LARGE or raw.startswith(b"\x1f\x8b")
        body, text = await asyncio.to_thread(_read, raw) if is_large else _read(raw)
        writer = writer or await self.keys.writer(protocol.key_inside(body))
        events = protocol.count(call, body)
        self.keys.admit(writer, events)
        if not events:
            return
        await self.append(Message(received, writer.tenant, writer.source_id, call, text), events, len(text))

    async def append(self, message: Message, events: int, size: int) -> None:
        """Return when a message is on the disk; it counts as so many events and bytes. Refusal 503: it is not."""
        try:
            await self.group.append(message.to_bytes())
        except NotWritable as error:
            _log.warning("refused", extra={"tenant": message.tenant, "source": message.source, "error": str(error)})
            raise Refusal(503, "not_writable", "the events cannot be kept now; come again", 5) from None
        self._metrics.taken(message.tenant, message.source, events, size)


@asynccontextmanager
async def running(lake: Lake, journal: Journal, metrics: Metrics) -> AsyncIterator[Collector]:
    """A collector that follows the catalog; at the end what waits is written and the journal closed."""
    collector = Collector(lake, journal, metrics)
    following = asyncio.create_task(collector.follow())
    try:
        await collector.settle()
        yield collector
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await collector.group.close()


def _log_failure(why: str) -> None:
    _log.error("the journal cannot be written", extra={"error": why})


def _read(raw: bytes) -> tuple[dict[str, object], bytes]:
    return protocol.parsed(protocol.unpacked(raw))
