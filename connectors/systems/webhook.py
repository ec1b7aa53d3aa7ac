"""What a vendor's folder says of its webhooks: `WEBHOOK = Webhook(…)` in `connectors/systems/<vendor>/webhook.py`.

    request ─▶ claim: signatures, the texts that they may be over, when they were made
    body ─▶ events, where a delivery is a list of them ─▶ item: id, time, topic, records

A vendor's functions read; the collector judges signatures and keeps what they signed (`collector/webhooks/`). Below the
interface stand the readers that vendors share.

A delivery is counted once, by an id that its signer signed. Where the vendor signs none, the id is the SHA-256 of the
content: by an unsigned id, whoever has seen one delivery could send it again under another one, or under the next
delivery's, which would then be missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.contracts.canonical import NotText, TooDeep, id_of
from connectors.contracts.times import NotATime, parse_micros
from warehouse_models.catalog.hooks import SecretMaker

_TIME = re.compile(r"[0-9]{1,15}", re.ASCII)
# The end of year 9999 in UTC microseconds: no database that we know holds a later time.
_LATEST = 253_402_300_800_000_000


@dataclass(frozen=True)
class Asked:
    """A request as it came: `urls` are the public ones it may have been sent to, header names are in lower case."""

    method: str
    urls: Sequence[str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Claim:
    """Signatures as they stand in the request, what each may be over, and when they were made (UTC seconds).

    `encode` writes a digest as the vendor does. A vendor who signs no time has None.
    """

    signatures: Sequence[str]
    texts: Sequence[bytes]
    at: float | None
    encode: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Item:
    """What is counted once: a delivery, or one event of a delivery that is a list.

    `at`: UTC microseconds. `records`: (object, id) at the vendor, the subject first; where the item `is_thin` their
    content is still to be fetched.
    """

    id: str
    payload: bytes
    vendor_id: str | None = None
    at: int | None = None
    topic: str | None = None
    op: str = "upsert"
    records: tuple[tuple[str, str], ...] = ()
    is_thin: bool = False


@dataclass(frozen=True)
class Webhook:
    """All that Tenure knows of a vendor's webhooks.

    `claim` reads a request; NoSignature, NoTime: it carries none. `item` reads an event, its canonical JSON and the
    delivery's id (None where `id_header` is None or the request lacks it); NoId: it cannot be counted. `events` makes
    the list of events out of a body (None: it is not one); without it a delivery is one event. `key` is the HMAC key of
    a secret; ValueError: the secret cannot be one. `handshake_header` brings the secret, where a handshake does.
    """

    secret_maker: SecretMaker
    claim: Callable[[Asked], Claim]
    item: Callable[[dict[str, Any], bytes, str | None], Item]
    events: Callable[[Any], list[Any] | None] | None = None
    id_header: str | None = None
    key: Callable[[str], bytes] = str.encode
    handshake_header: str | None = None

    def __post_init__(self) -> None:
        if (self.secret_maker == SecretMaker.HANDSHAKE) != (self.handshake_header is not None):
            raise ValueError("a handshake has a header that brings the secret, and no other webhook has one")


class NoSignature(Exception):
    """The request carries no signature; the text says which header it lacks."""


class NoTime(Exception):
    """The request does not say when it was signed."""


class NoId(ValueError):
    """The delivery lacks the id that it is counted by."""


# -- readers of a request ----------------------------------------------------------------------------------------------
def header(asked: Asked, name: str) -> str:
    """A header that has to be there. NoSignature: it is not."""
    value = asked.headers.get(name)
    if not value:
        raise NoSignature(f"the request has no header {name}")
    return value


def whole_number(text: str) -> float:
    """The number of seconds or milliseconds in a header. NoTime: it is none."""
    if not _TIME.fullmatch(text):
        raise NoTime("the time of the signature is no whole number")
    return float(text)


def hexadecimal(digest: bytes) -> bytes:
    """A digest as most vendors write it."""
    return digest.hex().encode()


# -- readers of an event -----------------------------------------------------------------------------------------------
def text_at(value: Any, name: str) -> str | None:
    """The text or number at `name` as text; None where there is none, or `value` is no object."""
    return text_of_id(value.get(name)) if isinstance(value, dict) else None


def text_of_id(value: Any) -> str | None:
    """An id as text, whether the vendor writes it as text or as a number; None where it is neither."""
    try:
        return id_of(value)
    except (NotText, TooDeep):
        return None


def inner(value: Mapping[str, Any], outer: str, name: str) -> Any:
    """What stands at `name` in the object at `outer`; None where there is none."""
    within = value.get(outer)
    return within.get(name) if isinstance(within, dict) else None


def record(kind: str | None, record_id: str | None) -> tuple[tuple[str, str], ...]:
    """The record of this kind and id as `Item.records` has it; none where either is missing."""
    return ((kind, record_id),) if kind and record_id else ()


def op(is_gone: bool) -> str:
    """What the event did to its record."""
    return "delete" if is_gone else "upsert"


def epoch(value: Any, unit: int) -> int | None:
    """UTC microseconds of a whole number of seconds (unit 1,000,000) or milliseconds (1,000) since 1970."""
    if value.__class__ is not int or not 0 <= value * unit < _LATEST:
        return None
    return int(value) * unit


def iso_time(value: Any) -> int | None:
    """UTC microseconds of an ISO 8601 text; None where it is none, or from before 1970."""
    try:
        at = parse_micros(value) if isinstance(value, str) else None
    except NotATime:
        return None
    return at if at is not None and 0 <= at < _LATEST else None
