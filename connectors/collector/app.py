"""The collector as a web application: a request's key is known, its body sound, its record on the disk; then 200.

POST /v1/{call}  /beacon/v1/{call}      events, by the paths of Segment and RudderStack (protocol.CALLS)
POST /hooks/{tenant}/{system}/{id}      deliveries of webhooks (hooks.py)
GET  /v1/projects/{key}/settings  /projects/{key}/settings  /sourceConfig      what SDKs ask first
GET  /health  /ready                    the process answers; it can take events
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

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

Endpoint = Callable[[Request], Awaitable[Response]]


class Collector:
    """What the endpoints share. Make it on the event loop that serves."""

    def __init__(self, lake: Lake, journal: Journal, metrics: Metrics) -> None:
        self.keys, self.metrics = Keys(lake), metrics
        self.group = GroupCommit(journal, _not_written, metrics.synced)
        self.hooks = HookEndpoint(lake, self.keys, self._append)
        self.is_settled = asyncio.Event()
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
        self.is_settled.set()
        await asyncio.gather(self.keys.follow(), self.hooks.follow())

    async def collect(self, request: Request) -> Response:
        """Take the events of one request."""
        call = protocol.CALLS.get(request.path_params["call"])
        if call is None:
            raise Refusal(404, "not_found", "there is no such call; batch, track, identify, page, screen, group, alias")
        named = protocol.key_outside(request.headers.get("authorization"), request.query_params)
        writer = None if named is None else await self.keys.writer(named)
        async with self._body(request) as raw:
            await self._keep(call, writer, raw)
        return _json(protocol.SUCCESS)

    async def hook(self, request: Request) -> Response:
        """Take a delivery of a webhook."""
        known = await self.hooks.known(**request.path_params)
        async with self._body(request) as raw:
            headers = await self.hooks.take(known, request, raw)
        return _json(protocol.SUCCESS, headers=headers)

    @asynccontextmanager
    async def _body(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, counted as held until the end."""
        held = 0
        try:
            chunks = []
            async for chunk in request.stream():
                held += len(chunk)
                self._held += len(chunk)
                if held > MOST_BODY:
                    raise protocol.too_large()
                if self._held > MOST_HELD:
                    raise Refusal(503, "busy", "too many requests at once; come again", 1)
                chunks.append(chunk)
            yield b"".join(chunks)
        finally:
            self._held -= held

    async def _keep(self, call: str, writer: Writer | None, raw: bytes) -> None:
        received = now_micros()
        is_large = len(raw) > _LARGE or raw.startswith(b"\x1f\x8b")
        body, text = await asyncio.to_thread(_read, raw) if is_large else _read(raw)
        writer = writer or await self.keys.writer(protocol.key_inside(body))
        events = protocol.count(call, body)
        self.keys.admit(writer, events)
        if not events:
            return
        await self._append(Message(received, writer.tenant, writer.source_id, call, text), events, len(text))

    async def _append(self, message: Message, events: int, size: int) -> None:
        """Return when a message is on the disk; it counts as so many events and bytes."""
        try:
            await self.group.append(message.to_bytes())
        except NotWritable as error:
            _log.warning("refused", extra={"tenant": message.tenant, "source": message.source, "error": str(error)})
            raise Refusal(503, "not_writable", "the events cannot be kept now; come again", 5) from None
        self.metrics.taken(message.tenant, message.source, events, size)

    async def settings(self, request: Request) -> Response:
        """What Segment's SDKs ask for first."""
        key = request.path_params["key"]
        await self.keys.writer(key)
        return _json(orjson.dumps(protocol.settings(key, request.headers.get("host", ""), request.url.scheme)))

    async def source_config(self, request: Request) -> Response:
        """What Rudder's browser SDK asks for first."""
        key = protocol.key_outside(request.headers.get("authorization"), request.query_params)
        writer = await self.keys.writer(key)
        return _json(orjson.dumps(protocol.source_config(key or "", writer.source_id, writer.name, writer.tenant)))

    async def health(self, request: Request) -> Response:
        """The process answers."""
        return _json(b'{"status":"ok"}')

    async def ready(self, request: Request) -> Response:
        """Whether events can be taken: the keys are known, and the disk of the journal takes a file."""
        if not self.keys.is_loaded:
            raise Refusal(503, "catalog_unreadable", "the catalog was not read yet", 5)
        try:
            await asyncio.to_thread(self.group.journal.probe)
        except OSError as error:
            raise Refusal(503, "not_writable", f"the journal cannot be written ({error.strerror})", 5) from None
        return _json(b'{"status":"ready"}')


def make_app(lake: Lake, journal: Journal, metrics: Metrics | None = None) -> Starlette:
    """The application; it closes the journal when it ends."""
    counted = metrics or Metrics()
    shared: list[Collector] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        shared.append(Collector(lake, journal, counted))
        following = asyncio.create_task(shared[0].follow())
        try:
            # Who comes meanwhile waits, instead of being told to come again.
            with suppress(TimeoutError):
                await asyncio.wait_for(shared[0].is_settled.wait(), _SETTLED_SECONDS)
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            await shared[0].group.close()

    def of(name: str) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            clock = time.perf_counter()
            response = await answer(request)
            counted.answered(name, response.status_code, time.perf_counter() - clock)
            return response

        async def answer(request: Request) -> Response:
            try:
                made: Response = await getattr(shared[0], name)(request)
                return made
            except Refusal as no:
                counted.refused.labels(no.code).inc()
                return _json(no.body(), no.status, no.headers())
            except ClientDisconnect:
                return _json(b"", 400)  # nobody hears it
            except Exception as error:
                # Its text may hold what was sent; what kind it is says enough to look for it.
                _log.error("failed", extra={"error": type(error).__name__, "path": name}, exc_info=_log.level <= 10)
                return _json(Refusal(503, "failed", "").body(), 503, {"Retry-After": "5"})

        return endpoint

    gets = {
        "settings": _both("/v1/projects/{key}/settings", "/projects/{key}/settings"),
        "source_config": _both("/sourceConfig"),
        "health": ["/health"],
        "ready": ["/ready"],
    }
    routes = [
        *(Route(path, of("collect"), methods=["POST"]) for path in _both("/v1/{call}", "/beacon/v1/{call}")),
        *(Route(path, of("hook"), methods=["POST"]) for path in _both("/hooks/{tenant}/{system}/{hook_id}")),
        *(Route(path, of(name), methods=["GET"]) for name, paths in gets.items() for path in paths),
    ]
    cross_origin = Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST", "OPTIONS"],
        allow_headers=["*"],
        expose_headers=["Retry-After"],
        max_age=86_400,
    )
    app = Starlette(
        routes=routes,
        middleware=[cross_origin],
        lifespan=lifespan,
        exception_handlers={HTTPException: _refused},
    )
    # A redirect counts as delivered in Segment's Node SDK: the data would be gone.
    app.router.redirect_slashes = False
    return app


def _not_written(why: str) -> None:
    _log.error("the journal cannot be written", extra={"error": why})


def _both(*paths: str) -> list[str]:
    return [path + end for path in paths for end in ("", "/")]


def _read(raw: bytes) -> tuple[dict[str, object], bytes]:
    return protocol.parsed(protocol.unpacked(raw))


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, "application/json")


async def _refused(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    if request.method == "OPTIONS":
        return _json(protocol.SUCCESS, headers={"Allow": "GET, POST, OPTIONS"})
    code = "not_found" if error.status_code == 404 else "not_allowed"
    return _json(Refusal(error.status_code, code, error.detail).body(), error.status_code, dict(error.headers or {}))
