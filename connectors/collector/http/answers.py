"""How the collector answers: one JSON response, one handler for each kind of error, and the count of all answers.

    endpoint raises ─▶ EXCEPTION_HANDLERS (what was foreseen) ─▶ AnswersMiddleware (503 for the rest, counted and timed)

The middleware stands around each endpoint and not around the whole application: Starlette would answer an unforeseen
error outside of it, without the headers that browsers ask for, and raise the error again into the server's log.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from connectors.collector.http import protocol
from connectors.collector.http.metrics import Metrics
from connectors.collector.http.protocol import Refusal

_log = logging.getLogger("tenure.collector")


def answer(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of JSON."""
    return Response(body, status, headers, "application/json")


async def refuse(request: Request, error: Exception) -> Response:
    """The answer to a request that is not taken, counted by its code."""
    assert isinstance(error, Refusal)
    request.state.metrics.refused.labels(error.code).inc()
    return answer(error.body(), error.status, error.headers())


async def disconnected(request: Request, error: Exception) -> Response:
    """A client that went away before its body was whole reads no answer; it stands in the metrics."""
    return answer(b"", 400)


async def unrouted(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    if request.method == "OPTIONS":
        return answer(protocol.SUCCESS, headers={"Allow": "GET, POST, OPTIONS"})
    code = "not_found" if error.status_code == 404 else "not_allowed"
    return answer(Refusal(error.status_code, code, error.detail).body(), error.status_code, error.headers)


EXCEPTION_HANDLERS: Mapping[type[Exception], ExceptionHandler] = {
    Refusal: refuse,
    ClientDisconnect: disconnected,
    HTTPException: unrouted,
}


class AnswersMiddleware:
    """Counts and times the answers of one endpoint; what nobody foresaw becomes a 503, and the client comes again."""

    def __init__(self, app: ASGIApp, endpoint: str) -> None:
        """`endpoint` names it in metrics and in the log. The state of a request holds `metrics`."""
        self._app, self._endpoint = app, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics: Metrics = scope["state"]["metrics"]
        arrived = time.perf_counter()
        is_answered = False

        async def counted(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                metrics.answered(self._endpoint, message["status"], time.perf_counter() - arrived)
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception as error:
            if is_answered:
                raise
            # Its text may hold what was sent; what kind it is says enough to look for it.
            about = {"error": type(error).__name__, "path": self._endpoint}
            _log.error("failed", extra=about, exc_info=_log.level <= logging.DEBUG)
            failed = Refusal(503, "failed", "", 5)
            await answer(failed.body(), failed.status, failed.headers())(scope, receive, counted)
