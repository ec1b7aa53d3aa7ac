"""What a delivery says: its id, when what happened to what, and whether it holds the record or only names it.

    message = [1, received_at, tenant, webhook, "hook:<system>"] | {"id": …, "base64": …} | the body as it came

What an item is, and how a vendor's event is read, stands with the vendor (`systems/webhook.py`).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import Any

import orjson

from connectors.collector.http.messages import Message, text
from connectors.contracts import reasons
from connectors.contracts.canonical import TooDeep, canonical, exact, parse, sha_hex
from connectors.contracts.times import MICROS_PER_DAY
from connectors.files.json import why_not_json
from connectors.systems.discovery import webhook
from connectors.systems.webhook import Item, NoId, Webhook

CALL = "hook:"
# HubSpot sends a hundred events in a delivery. Each costs kilobytes here, and two bytes to send.
MOST_ITEMS = 10_000


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
    """The body of a message, UTF-8 whatever was sent."""
    try:
        raw.decode()
        head, kept = {"id": sent_id, "base64": False}, raw
    except UnicodeDecodeError:
        head, kept = {"id": sent_id, "base64": True}, base64.b64encode(raw)
    return orjson.dumps(head) + b"\n" + kept


def from_journal(body: bytes) -> tuple[str | None, bytes]:
    """The inverse. ValueError: another version wrote it."""
    first, _, kept = body.partition(b"\n")
    head = orjson.loads(first)
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
    vendor = webhook(system)
    try:
        value = parse(raw)
    except ValueError:
        return [Bad(raw, why_not_json(raw))]
    value = exact({"": value}, b'{"":' + raw + b"}", fractions=True)[""]
    if vendor.events is None:
        item = _item(vendor, sent_id, value, received_at)
        # As it was signed, not as we would write it.
        return [item if isinstance(item, Item) else Bad(raw, item.reason)]
    events = vendor.events(value)
    if events is None:
        return [Bad(raw, f"not_a_list: the body is JSON but not the list of events that {system} sends")]
    if len(events) > MOST_ITEMS:
        return [Bad(raw, f"too_many: more than {MOST_ITEMS:,} events in one delivery")]
    return [_item(vendor, sent_id, event, received_at) for event in events]


def _item(vendor: Webhook, sent_id: str | None, event: Any, received_at: int) -> Item | Bad:
    try:
        payload = canonical(event)
    except TooDeep:
        return Bad(text(event), reasons.TOO_DEEP)
    if not isinstance(event, dict):
        return Bad(payload, reasons.NOT_AN_OBJECT)
    try:
        item = vendor.item(event, payload, sent_id)
    except NoId:
        return Bad(payload, reasons.NO_KEY.format(field="id"))
    words = [item.id, item.vendor_id, item.topic, *(word for record in item.records for word in record)]
    if any("\0" in word for word in words if word):
        return Bad(payload, reasons.NUL_BYTES)
    if item.at is not None and item.at > received_at + MICROS_PER_DAY:
        # Stripe's test clocks are months ahead; nothing may be ordered by such a time.
        return replace(item, at=None)
    return item
