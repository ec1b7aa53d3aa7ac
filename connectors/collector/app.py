"""The collector as a web application: a request's key is known, its body sound, its message on the disk; then 200.

POST /v1/{call}  /beacon/v1/{call}      events, by the paths of Segment and RudderStack (protocol.CALLS)
POST /hooks/{tenant}/{system}/{id}      deliveries of webhooks (webhooks/endpoint.py)
GET  /v1/projects/{key}/settings  /projects/{key}/settings  /sourceConfig      what SDKs ask first
GET  /health  /ready                    the process answers; it can take events
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypedDict

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.collector.collector import Collector, running
from connectors.collector.http import protocol
from connectors.collector.http.answers import EXCEPTION_HANDLERS, AnswersMiddleware, answer
from connectors.collector.http.metrics import Metrics
from connectors.collector.http.protocol import Refusal
from connectors.collector.journal.journal import Journal
from warehouse_models.lake.lake import Lake


class Shared(TypedDict):
    """What every request finds as its state."""

    collector: Collector
    metrics: Metrics


_Request = Request[Shared]


async def collect(request: _Request) -> Response:
    """Take the events of one request."""
    collector = request.state["collector"]
    call = protocol.CALLS.get(request.path_params["call"])
    if call is None:
        raise Refusal(404, "not_found", "there is no such call; batch, track, identify, page, screen, group, alias")
    key = _key_outside(request)
    writer = None if key is None else await collector.keys.writer(key)
    async with collector.body(request.stream()) as raw:
        await collector.keep(call, writer, raw)
    return answer(protocol.SUCCESS)


async def hook(request: _Request) -> Response:
    """Take a delivery of a webhook."""
    collector = request.state["collector"]
    served = await collector.hooks.at(**request.path_params)
    async with collector.body(request.stream()) as raw:
        headers = await collector.deliveries.take(served, request, raw)
    return answer(protocol.SUCCESS, headers=headers)


async def settings(request: _Request) -> Response:
    """What Segment's SDKs ask for first."""
    key = request.path_params["key"]
    await request.state["collector"].keys.writer(key)
    return answer(orjson.dumps(protocol.settings(key, request.headers.get("host", ""), request.url.scheme)))


async def source_config(request: _Request) -> Response:
    """What Rudder's browser SDK asks for first."""
    key = _key_outside(request)
    writer = await request.state["collector"].keys.writer(key)
    return answer(orjson.dumps(protocol.source_config(key or "", writer.source_id, writer.name, writer.tenant)))


async def health(request: _Request) -> Response:
    """The process answers."""
    return answer(b'{"status":"ok"}')


async def ready(request: _Request) -> Response:
    """Whether events can be taken: the keys are known, and the disk of the journal takes a file."""
    collector = request.state["collector"]
    if not collector.keys.is_loaded:
        raise Refusal(503, "catalog_unreadable", "the catalog was not read yet", 5)
    try:
        await asyncio.to_thread(collector.group.journal.probe)
    except OSError as error:
        raise Refusal(503, "not_writable", f"the journal cannot be written ({error.strerror})", 5) from None
    return answer(b'{"status":"ready"}')


def _key_outside(request: _Request) -> str | None:
    """The write key that the head names: in the header, else as ?writeKey=, which is read only then: it takes time."""
    key = protocol.key_in_header(request.headers.get("authorization"))
    return key or request.query_params.get("writeKey") or None


def _routes(method: str, endpoint: Callable[[_Request], Awaitable[Response]], *paths: str) -> list[Route]:
    answers = [Middleware(AnswersMiddleware, endpoint.__name__)]
    return [Route(path, endpoint, methods=[method], middleware=answers) for path in paths]


def _both(*paths: str) -> list[str]:
    """Each path without and with a slash at its end."""
    return [path + end for path in paths for end in ("", "/")]


ROUTES = [
    *_routes("POST", collect, *_both("/v1/{call}", "/beacon/v1/{call}")),
    *_routes("POST", hook, *_both("/hooks/{tenant}/{system}/{hook_id}")),
    *_routes("GET", settings, *_both("/v1/projects/{key}/settings", "/projects/{key}/settings")),
    *_routes("GET", source_config, *_both("/sourceConfig")),
    *_routes("GET", health, "/health"),
    *_routes("GET", ready, "/ready"),
]
_CROSS_ORIGIN = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "POST", "OPTIONS"],
    allow_headers=["*"],
    expose_headers=["Retry-After"],
    max_age=86_400,
)


def make_app(lake: Lake, journal: Journal, metrics: Metrics) -> Starlette:
    """The application; it closes the journal when it ends."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Shared]:
        async with running(lake, journal, metrics) as collector:
            yield {"collector": collector, "metrics": metrics}

    app = Starlette(routes=ROUTES, middleware=[_CROSS_ORIGIN], lifespan=lifespan, exception_handlers=EXCEPTION_HANDLERS)
    # A redirect counts as delivered in Segment's Node SDK: the data would be gone.
    app.router.redirect_slashes = False
    return app
