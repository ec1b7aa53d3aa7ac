"""What a delivery says: its id, when what happened to what, and whether it holds the record or only names it.

    journal record = [1, received_at, tenant, webhook, "hook:<system>"] | {"id": …, "base64": …} | the body as it came

A delivery is counted once by an id that its signer signed. HubSpot signs none (its eventId may repeat), nor does Asana,
and Jira's stands in a header that the signature does not cover: whoever has seen one delivery could send it again under
another id, or under the next one's id, which would then be missed. So theirs is the SHA-256 of the content.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.collector.http.messages import Message, text
from connectors.contracts import reasons
from connectors.contracts.canonical import NotText, TooDeep, canonical, exact, id_of, parse, sha_hex
from connectors.contracts.times import MICROS_PER_DAY, NotATime, parse_micros
from connectors.files.json import why_not_json

CALL = "hook:"
# The header that tells the delivery's id, by system.
ID_HEADERS: Mapping[str, str] = {"standard": "webhook-id", "jira": "x-atlassian-webhook-identifier"}
# HubSpot sends a hundred events in a delivery. Each costs kilobytes here, and two bytes to send.
MOST_ITEMS = 10_000
_LATEST = 253_402_300_800_000_000
# HubSpot's generic subscriptions (object.creation) name the type by number.
_HUBSPOT_TYPES = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket", "0-7": "product"}
_HUBSPOT_TYPES["0-8"] = "line_item"


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
class Bad:
    """What cannot be an item: its bytes and why."""

    raw: bytes
    reason: str

    @property
    def id(self) -> str:
        """By which a repetition is known."""
        return sha_hex(self.raw)


def to_journal(sent_id: str | None, raw: bytes) -> bytes:
    """The body of a journal record, UTF-8 whatever was sent."""
    try:
        raw.decode()
        head, kept = {"id": sent_id, "base64": False}, raw
    except UnicodeDecodeError:
        head, kept = {"id": sent_id, "base64": True}, base64.b64encode(raw)
    return orjson.dumps(head) + b"\n" + kept


def from_journal(body: bytes) -> tuple[str | None, bytes]:
    """The inverse. ValueError: another version wrote it."""
    told, _, kept = body.partition(b"\n")
    head = orjson.loads(told)
    if not {"id", "base64"} <= set(head):
        raise ValueError("a delivery without its head")
    return head["id"], base64.b64decode(kept) if head["base64"] else kept


def as_sent(message: Message) -> Message:
    """A message with its body as it came, for the meter; not one of a webhook: as it is."""
    return message._replace(body=from_journal(message.body)[1]) if message.call.startswith(CALL) else message


def items(system: str, sent_id: str | None, raw: bytes, received_at: int) -> list[Item | Bad]:
    """The items of a delivery in order. `received_at`: UTC microseconds; no event is from after the next day.

    ValueError: nobody knows this system; another version of Tenure does.
    """
    if system not in _SYSTEMS:
        raise ValueError(f"system {system}")
    try:
        value = parse(raw)
    except ValueError:
        return [Bad(raw, why_not_json(raw))]
    value = exact({"": value}, b'{"":' + raw + b"}", fractions=True)[""]
    if system not in _LISTS:
        item = _item(system, sent_id, value, received_at)
        # As it was signed, not as we would write it.
        return [item if isinstance(item, Item) else Bad(raw, item.reason)]
    events = _LISTS[system](value)
    if events is None:
        return [Bad(raw, f"not_a_list: the body is JSON but not the list of events that {system} sends")]
    if len(events) > MOST_ITEMS:
        return [Bad(raw, f"too_many: more than {MOST_ITEMS:,} events in one delivery")]
    return [_item(system, sent_id, event, received_at) for event in events]


def _item(system: str, sent_id: str | None, event: Any, received_at: int) -> Item | Bad:
    try:
        payload = canonical(event)
    except TooDeep:
        return Bad(text(event), reasons.TOO_DEEP)
    if not isinstance(event, dict):
        return Bad(payload, reasons.NOT_AN_OBJECT)
    try:
        said = _SYSTEMS[system](event, payload, sent_id)
    except NoId:
        return Bad(payload, reasons.NO_KEY.format(field="id"))
    words = [said.id, said.vendor_id, said.topic, *(word for record in said.records for word in record)]
    if any("\0" in word for word in words if word):
        return Bad(payload, reasons.NUL_BYTES)
    if said.at is not None and said.at > received_at + MICROS_PER_DAY:
        # Stripe's test clocks are months ahead; nothing may be ordered by such a time.
        return Item(**{**vars(said), "at": None})
    return said


class NoId(ValueError):
    """The delivery lacks the id that it is counted by."""


def _stripe(event: dict[str, Any], payload: bytes, sent_id: str | None) -> Item:
    """A snapshot event holds the object (data.object); a thin one (v2.core.event) names it (related_object)."""
    name, topic = _text(event, "id"), _text(event, "type")
    if name is None:
        raise NoId
    related = event.get("related_object")
    is_thin = isinstance(related, dict)
    about = related if isinstance(related, dict) else _inner(event, "data", "object")
    created = event.get("created")
    at = _iso(created) if isinstance(created, str) else _epoch(created, 1_000_000)
    # A subscription that ended is "deleted" in Stripe's words, and still there, with its end.
    is_gone = (topic or "").endswith(".deleted") and topic != "customer.subscription.deleted"
    record = _record(_text(about, "type") if is_thin else _text(about, "object"), _text(about, "id"))
    return Item(name, payload, name, at, topic, _op(is_gone), record, is_thin and bool(record))


def _hubspot(event: dict[str, Any], payload: bytes, sent_id: str | None) -> Item:
    """Ids without content. attemptNumber counts the repetitions of one and the same event."""
    topic = _text(event, "subscriptionType")
    kind, _, what = (topic or "").partition(".")
    if kind == "object":
        number = _text(event, "objectTypeId") or kind
        kind = _HUBSPOT_TYPES.get(number, number)
    named = [_text(event, name) for name in ("objectId", "newObjectId", "primaryObjectId", "fromObjectId")]
    merged = event.get("mergedObjectIds")
    named += [_id(one) for one in merged] if isinstance(merged, list) else []
    records = tuple(dict.fromkeys(pair for one in named for pair in _record(kind, one)))
    content = {name: value for name, value in event.items() if name != "attemptNumber"}
    is_gone = what in ("deletion", "privacyDeletion")
    at = _epoch(event.get("occurredAt"), 1_000)
    name = sha_hex(canonical(content))
    return Item(name, payload, _text(event, "eventId"), at, topic, _op(is_gone), records, bool(records))


def _asana(event: dict[str, Any], payload: bytes, sent_id: str | None) -> Item:
    """Ids without content. Taken from a project or a section is not deleted."""
    resource, action = event.get("resource"), _text(event, "action")
    kind = _text(resource, "resource_type") or _text(event, "type")
    topic = f"{kind}.{action}" if kind and action else action
    records = _record(kind, _text(resource, "gid"))
    return Item(
        sha_hex(payload),
        payload,
        None,
        _iso(event.get("created_at")),
        topic,
        _op(action == "deleted"),
        records,
        bool(records),
    )


def _jira(event: dict[str, Any], payload: bytes, sent_id: str | None) -> Item:
    """The record stands in the event under the name of its kind: jira:issue_updated has issue."""
    topic = _text(event, "webhookEvent")
    kind, _, what = (topic or "").removeprefix("jira:").rpartition("_")
    about = event.get(kind)
    name = _text(about, "id") or _text(about, "accountId") or _text(about, "key")
    at = _epoch(event.get("timestamp"), 1_000)
    return Item(sha_hex(payload), payload, sent_id, at, topic, _op(what == "deleted"), _record(kind or None, name))


def _standard(event: dict[str, Any], payload: bytes, sent_id: str | None) -> Item:
    """The specification names type, timestamp and data, and leaves open what they hold."""
    topic = _text(event, "type")
    is_gone = (topic or "").rpartition(".")[2] == "deleted"
    if not sent_id:
        raise NoId
    kind = (topic or "").rpartition(".")[0] or None
    record = _record(kind, _text(event.get("data"), "id"))
    return Item(sent_id, payload, sent_id, _iso(event.get("timestamp")), topic, _op(is_gone), record)


_SYSTEMS: Mapping[str, Callable[[dict[str, Any], bytes, str | None], Item]] = {
    "asana": _asana,
    "hubspot": _hubspot,
    "jira": _jira,
    "standard": _standard,
    "stripe": _stripe,
}
_LISTS: Mapping[str, Callable[[Any], list[Any] | None]] = {
    "hubspot": lambda value: value if isinstance(value, list) else [value] if isinstance(value, dict) else None,
    # An empty list of Asana's is its heartbeat.
    "asana": lambda value: found if isinstance(found := _inner({"": value}, "", "events"), list) else None,
}


def _op(is_gone: bool) -> str:
    return "delete" if is_gone else "upsert"


def _record(kind: str | None, name: str | None) -> tuple[tuple[str, str], ...]:
    return ((kind, name),) if kind and name else ()


def _inner(value: Mapping[str, Any], outer: str, name: str) -> Any:
    inner = value.get(outer)
    return inner.get(name) if isinstance(inner, dict) else None


def _text(value: Any, name: str) -> str | None:
    return _id(value.get(name)) if isinstance(value, dict) else None


def _id(value: Any) -> str | None:
    try:
        return id_of(value)
    except (NotText, TooDeep):
        return None


def _epoch(value: Any, unit: int) -> int | None:
    """UTC microseconds of a whole number of seconds (unit 1,000,000) or milliseconds (1,000) since 1970."""
    if value.__class__ is not int or not 0 <= value * unit < _LATEST:
        return None
    return int(value) * unit


def _iso(value: Any) -> int | None:
    try:
        found = parse_micros(value) if isinstance(value, str) else None
    except NotATime:
        return None
    return found if found is not None and 0 <= found < _LATEST else None
