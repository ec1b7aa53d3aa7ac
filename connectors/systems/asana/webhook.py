"""Asana's webhooks: lists of events that name records; the content is to be fetched.

Asana signs neither an id nor a time: so an event is counted by its content, and an old delivery that somebody repeats
is known by it.
"""

from __future__ import annotations

from typing import Any

from connectors.contracts.canonical import sha_hex
from connectors.systems.webhook import (
    Asked,
    Claim,
    Item,
    Webhook,
    header,
    hexadecimal,
    inner,
    iso_time,
    op,
    record,
    text_at,
)
from warehouse_models.catalog.hooks import SecretMaker


def _claim(asked: Asked) -> Claim:
    """Hexadecimal over the body."""
    return Claim([header(asked, "x-hook-signature")], [asked.body], None, hexadecimal)


def _events(body: Any) -> list[Any] | None:
    # An empty list of Asana's is its heartbeat.
    events = inner({"": body}, "", "events")
    return events if isinstance(events, list) else None


def _item(event: dict[str, Any], payload: bytes, sent_id: str | None) -> Item:
    """Ids without content. Taken from a project or a section is not deleted."""
    resource, action = event.get("resource"), text_at(event, "action")
    kind = text_at(resource, "resource_type") or text_at(event, "type")
    topic = f"{kind}.{action}" if kind and action else action
    records = record(kind, text_at(resource, "gid"))
    at = iso_time(event.get("created_at"))
    return Item(sha_hex(payload), payload, None, at, topic, op(action == "deleted"), records, bool(records))


WEBHOOK = Webhook(SecretMaker.HANDSHAKE, _claim, _item, events=_events, handshake_header="X-Hook-Secret")
