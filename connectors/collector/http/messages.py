"""What a payload of the journal says, and the events in it as the contract reads them (METRICS §1).

    payload = [1, received_at, tenant, source, call] as JSON, a line feed, the body as it came

A request becomes its events here, in the lander and not before the reply: a reply waits for the disk and for nothing
else, and a rule that is mended later still finds the body as it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import orjson

from connectors.collector.http.protocol import BATCH
from connectors.contracts import reasons
from connectors.contracts.canonical import TooDeep, canonical, exact, parse, sha_hex
from connectors.contracts.deep import deep
from connectors.contracts.times import iso
from connectors.files.json import why_not_json

_VERSION = 1
# Levels, and calls on the stack, by which an event is deeper than what it is filled with.
_DEEPER = 32


class Message(NamedTuple):
    """A request that was taken: when (UTC microseconds), for whom, by which call (a type or `batch`), and its body."""

    received_at: int
    tenant: str
    source: str
    call: str
    body: bytes

    def to_bytes(self) -> bytes:
        """As it stands in the journal."""
        return orjson.dumps([_VERSION, *self[:4]]) + b"\n" + self.body

    @classmethod
    def of(cls, payload: bytes) -> Message:
        """The inverse. ValueError: another version wrote it."""
        head, _, body = payload.partition(b"\n")
        version, received_at, tenant, source, call = orjson.loads(head)
        if version != _VERSION:
            raise ValueError(f"a message of version {version}")
        return cls(received_at, tenant, source, call, body)


class Sent(NamedTuple):
    """An event of a message: its value, or its raw text and why it has no value; `size` in bytes, as it was sent."""

    raw: bytes
    size: int
    value: dict[str, Any] | None
    refusal: str | None


def events(message: Message) -> Iterator[Sent]:
    """The events of a message in order, as the contract reads them: what the collector knows is filled in.

    receivedAt is ours. sentAt, context and integrations of the batch hold for each event, whose own win. The event's
    timestamp is its originalTimestamp where it has none. The write key goes. An event without messageId is named by its
    content.
    """
    body, is_clean = _body(message.body)
    if message.call != BATCH:
        yield _sent({**body, "type": message.call}, message, {}, is_clean)
        return
    batch = {"sentAt": body.get("sentAt"), **_shared(body)}
    for place, event in enumerate(body["batch"]):
        yield _sent(event, message, batch, is_clean, place)


def _shared(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a batch says for each of its events, where it can be written: half a character in it costs no event."""
    shared = {}
    for name in ("context", "integrations"):
        if isinstance(fields := body.get(name), dict):
            probe: Any = fields
            for _ in range(_DEEPER):
                probe = [probe]
            with suppress(TooDeep):
                canonical(probe)
                shared[name] = fields
    return shared


def _body(text: bytes) -> tuple[dict[str, Any], bool]:
    with deep():
        try:
            return exact(parse(text), text), True
        except ValueError:
            return json.loads(text), False


def _sent(event: Any, message: Message, batch: Mapping[str, Any], is_clean: bool, place: int = 0) -> Sent:
    if not is_clean:
        # One of the body's events is broken; which, only each by itself can say.
        raw = _text(event)
        try:
            event = exact(parse(raw), raw) if isinstance(event, dict) else parse(raw)
        except ValueError:
            return Sent(raw, len(raw), None, why_not_json(raw))
    if not isinstance(event, dict):
        raw = _text(event)
        return Sent(raw, len(raw), None, reasons.NOT_AN_OBJECT)
    event.pop("writeKey", None)
    try:
        as_sent = canonical(event)
    except TooDeep:
        raw = _text(event)
        return Sent(raw, len(raw), None, reasons.TOO_DEEP)
    return Sent(b"", len(as_sent), _filled(event, message, batch, as_sent, place), None)


def _filled(
    event: dict[str, Any], message: Message, batch: Mapping[str, Any], as_sent: bytes, place: int
) -> dict[str, Any]:
    received = iso(message.received_at)
    filled = {**event, "receivedAt": received}
    for name in ("context", "integrations"):
        shared, own = batch.get(name), event.get(name)
        if shared is not None and (own is None or isinstance(own, dict)):
            filled[name] = {**shared, **(own or {})}
    if _is_absent(event, "originalTimestamp") and not _is_absent(event, "timestamp"):
        filled["originalTimestamp"] = event["timestamp"]
    if _is_absent(event, "sentAt") and not _is_absent(batch, "sentAt"):
        filled["sentAt"] = batch["sentAt"]
    if _is_absent(event, "messageId"):
        # A repetition must find the same name, though it is received anew. But an event without a time of its own has
        # happened when it was received: two such calls are two events, two such in a batch as well, and nothing tells a
        # repetition from them.
        has_time = "originalTimestamp" in filled and not _is_absent(filled, "originalTimestamp")
        own = b"" if has_time else f"{received}{place or ''}".encode()
        filled["messageId"] = sha_hex(as_sent + own)
    return filled


def _is_absent(value: Mapping[str, Any], name: str) -> bool:
    field = value.get(name)
    return field is None or (isinstance(field, str) and not field.strip())


def text(event: dict[str, Any]) -> bytes:
    """An event that was read as it is kept where the contract refuses it: such that a replay can read it again."""
    try:
        return canonical(event)
    except TooDeep:
        return _text(event)


def _text(value: Any) -> bytes:
    """A JSON text of any parsed value; broken characters are escaped, and NaN stays what it is."""
    with deep():
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
