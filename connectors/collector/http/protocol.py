"""The tracking API's words: paths, where a write key stands, what a body may be, what is replied (CONNECTORS §3).

SDKs say little of what they send: Rudder's Node SDK calls gzipped JSON form-urlencoded, browsers call JSON text. So the
bytes decide. A reply is read by machines that drop their data on most 4xx: 400 and 413 are for what could never be
kept, 401 for a key that nobody registered, and all else (429, 503) makes them come again.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import orjson

from connectors.contracts.deep import deep
from connectors.files.gunzip import MAGIC, CutGzip, DamagedGzip, Gunzip

BATCH = "batch"
# A path's last part -> the type of its one event, or BATCH. One letter: Segment's browser SDK.
CALLS: Mapping[str, str] = {
    **dict.fromkeys(("batch", "b", "import"), BATCH),
    **{name: kind for kind in ("track", "identify", "page", "screen", "group", "alias") for name in (kind, kind[0])},
}
# Rudder's Python SDK closes a batch once it is over 4 MiB, with an event of up to 4 MiB; the rest is around them.
MOST_BODY = 8 * 1024 * 1024 + 64 * 1024
SUCCESS = b'{"success":true}'
# SDKs close a batch at a hundred events, or by its bytes. More would be made of nothing: 36 KiB of gzip hold 4 million.
MOST_EVENTS = 50_000
# More than the contract can write again (an event of so many levels is always quarantined), and orjson reads 1,024.
_LEVELS = 1_010
# A string, ended by its quote or by the text's end (else the search would begin anew at each quote), or a bracket.
_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*\\?(?:"|\Z)|[\[\]{}]', re.DOTALL)


class Refusal(Exception):
    """A request that is not taken: the status, and `code` and `message`, which Rudder's Python SDK insists on."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after

    def body(self) -> bytes:
        """The reply's body."""
        return orjson.dumps({"code": self.code, "message": self.message})

    def headers(self) -> dict[str, str]:
        """What the reply's head says besides."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def too_large() -> Refusal:
    """The body is larger than any SDK's largest batch."""
    return Refusal(413, "too_large", f"a body has at most {MOST_BODY} bytes, unpacked; send smaller batches")


def unauthorized() -> Refusal:
    """No key, or one that nobody registered."""
    why = "no active source has this write key; send it as the user of HTTP basic authentication, as ?writeKey= or as"
    return Refusal(401, "unauthorized", f"{why} writeKey in the body")


def key_in_header(authorization: str | None) -> str | None:
    """The write key that the header names, as the user of basic authentication; None where it names nobody.

    Refusal 401: the header claims to be basic authentication and cannot be read.
    """
    scheme, _, credentials = (authorization or "").strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            digits = credentials.strip()
            decoded = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True).decode()
        except (binascii.Error, ValueError):
            raise unauthorized() from None
        # The password is ignored, and so is a colon that is not there.
        return decoded.partition(":")[0] or None
    return None


def key_inside(body: Mapping[str, Any]) -> str | None:
    """The write key in a body: the mobile SDKs send no header."""
    key = body.get("writeKey")
    return key if isinstance(key, str) and key else None


def unpacked(raw: bytes) -> bytes:
    """The body without gzip, if its first bytes say gzip. Refusal: damaged, or more than MOST_BODY."""
    if not raw.startswith(MAGIC):
        return raw
    stream = Gunzip(BytesIO(raw))
    try:
        # Never more than a byte beyond what is allowed: a body of 8 KiB can unpack to 8 MiB.
        plain = stream.read(MOST_BODY + 1)
        if len(plain) > MOST_BODY:
            raise too_large()
        # What came before the damage is given first, and no event of a damaged body is taken.
        stream.read(1)
    except CutGzip:
        raise Refusal(400, "bad_gzip", "the gzip body ends in the middle") from None
    except DamagedGzip:
        raise Refusal(400, "bad_gzip", "the body begins like gzip and cannot be unpacked") from None
    return plain


def parsed(text: bytes) -> tuple[dict[str, Any], bytes]:
    """A body's object, and its text in UTF-8. Refusal 400: it is no JSON object.

    JSON of one event can be broken inside and leave its neighbours whole: half a character (JavaScript cuts strings in
    the middle of one), NaN (Python writes it), a byte that is no UTF-8, thousands of levels. Such a body is taken, and
    `messages.py` finds the event.
    """
    try:
        value = orjson.loads(text)
    except ValueError:
        value, text = _lenient(text)
    if not isinstance(value, dict):
        raise Refusal(400, "bad_json", "the body is not a JSON object")
    return value, text


def _lenient(text: bytes) -> tuple[Any, bytes]:
    try:
        plain = text.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        with deep():
            value = json.loads(_shallow(plain), parse_int=_integer)
            # UTF-8 whatever came: what no UTF-8 can say is escaped.
            return value, json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
    except ValueError:
        raise Refusal(400, "bad_json", "the body is not JSON") from None


def _shallow(text: str) -> str:
    """The text, with what is nested deeper than _LEVELS as a string of its own text: one such event costs no other."""
    parts: list[str] = []
    level = start = done = 0
    for token in _TOKENS.finditer(text):
        at = token.start()
        if text[at] in "[{":
            level += 1
            if level == _LEVELS + 1:
                start = at
        elif text[at] in "]}":
            if level == _LEVELS + 1:
                parts += text[done:start], json.dumps(text[start : at + 1])
                done = at + 1
            level -= 1
    # What is never closed stays as it is, and is read by nobody: it may be deeper than the machine's stack.
    if level > _LEVELS:
        raise ValueError("the text ends in the middle")
    return "".join(parts) + text[done:] if parts else text


def _integer(digits: str) -> float:
    # Python refuses to read thousands of digits (4,300); as infinity they are one broken event.
    return int(digits) if len(digits) < 4_000 else float("inf")


def count(call: str, body: Mapping[str, Any]) -> int:
    """How many events a body holds. Refusal 400: a batch without a list of them; 413: too many."""
    if call != BATCH:
        return 1
    events = body.get("batch")
    if not isinstance(events, list):
        raise Refusal(400, "bad_batch", "the body has no list named batch")
    if len(events) > MOST_EVENTS:
        raise Refusal(413, "too_large", f"a batch has at most {MOST_EVENTS:,} events; send smaller batches")
    return len(events)


def settings(key: str, host: str, scheme: str) -> dict[str, Any]:
    """What Segment's SDKs ask for before they send: that they may, and that it is us they send to.

    Fields as @segment/analytics-next 1.84 and analytics-swift read them: `integrations["Segment.io"]`.
    """
    us = {"apiKey": key, "apiHost": f"{host}/v1", "protocol": scheme, "unbundledIntegrations": []}
    everything = {"__default": {"enabled": True, "integrations": {}}}
    return {
        "integrations": {"Segment.io": us},
        "plan": {"track": everything, "identify": everything, "group": everything},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }


def source_config(key: str, source_id: str, name: str, tenant: str) -> dict[str, Any]:
    """What Rudder's browser SDK asks for first: an enabled source without destinations of its own.

    Fields as @rudderstack/analytics-js 3.34 checks them: `source.id`, `source.config`, `source.destinations`.
    """
    off = {"enabled": False}
    return {
        "source": {
            "id": source_id,
            "name": name,
            "writeKey": key,
            "enabled": True,
            "workspaceId": tenant,
            "destinations": [],
            "connections": [],
            "config": {"statsCollection": {"errors": off, "metrics": off}},
            "dataplanes": {},
        },
        "updatedAt": "1970-01-01T00:00:00.000Z",
    }
