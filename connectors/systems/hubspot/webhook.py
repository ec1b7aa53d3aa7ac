"""HubSpot's webhooks: lists of events that name records; the content is to be fetched.

HubSpot signs no id: its eventId may repeat. So an event is counted by its content.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from connectors.contracts.canonical import canonical, sha_hex
from connectors.systems.webhook import (
    Asked,
    Claim,
    Item,
    Webhook,
    epoch,
    header,
    op,
    record,
    text_at,
    text_of_id,
    whole_number,
)
from warehouse_models.catalog.hooks import SecretMaker

# HubSpot's generic subscriptions (object.creation) name the type by number.
_TYPES = {
    "0-1": "contact",
    "0-2": "company",
    "0-3": "deal",
    "0-5": "ticket",
    "0-7": "product",
    "0-8": "line_item",
}
# What HubSpot decodes in a URL before it signs it, and nothing else.
_DECODED = {f"%{ord(character):02X}": character for character in ":/?@!$'()*,;"}
_ENCODED = re.compile("|".join(_DECODED), re.IGNORECASE)


def _claim(asked: Asked) -> Claim:
    """base64 over method + URL + body + milliseconds (hubspot-api-client 12.0 utils/signature.py)."""
    signature, at = header(asked, "x-hubspot-signature-v3"), header(asked, "x-hubspot-request-timestamp")
    urls = dict.fromkeys(form for url in asked.urls for form in (_decoded(url), url))
    end = asked.body + at.encode("latin-1", "replace")
    texts = [f"{asked.method}{url}".encode() + end for url in urls]
    return Claim([signature], texts, whole_number(at) / 1000, base64.b64encode)


def _decoded(url: str) -> str:
    return _ENCODED.sub(lambda match: _DECODED[match.group().upper()], url)


def _events(body: Any) -> list[Any] | None:
    if isinstance(body, list):
        return body
    return [body] if isinstance(body, dict) else None


def _item(event: dict[str, Any], payload: bytes, sent_id: str | None) -> Item:
    """Ids without content. attemptNumber counts the repetitions of one and the same event."""
    topic = text_at(event, "subscriptionType")
    kind, _, what = (topic or "").partition(".")
    if kind == "object":
        number = text_at(event, "objectTypeId") or kind
        kind = _TYPES.get(number, number)
    named = [text_at(event, name) for name in ("objectId", "newObjectId", "primaryObjectId", "fromObjectId")]
    merged = event.get("mergedObjectIds")
    named += [text_of_id(one) for one in merged] if isinstance(merged, list) else []
    records = tuple(dict.fromkeys(pair for one in named for pair in record(kind, one)))
    content = {name: value for name, value in event.items() if name != "attemptNumber"}
    is_gone = what in ("deletion", "privacyDeletion")
    at = epoch(event.get("occurredAt"), 1_000)
    item_id = sha_hex(canonical(content))
    return Item(item_id, payload, text_at(event, "eventId"), at, topic, op(is_gone), records, bool(records))


WEBHOOK = Webhook(SecretMaker.VENDOR, _claim, _item, events=_events)
