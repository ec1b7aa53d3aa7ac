"""Stripe's webhooks: an event a delivery, with the object in it or, in API v2, its name alone."""

from __future__ import annotations

from typing import Any

from connectors.systems.webhook import (
    Asked,
    Claim,
    Item,
    NoId,
    Webhook,
    epoch,
    header,
    hexadecimal,
    inner,
    iso_time,
    op,
    record,
    text_at,
    whole_number,
)
from warehouse_models.catalog.hooks import SecretMaker


def _claim(asked: Asked) -> Claim:
    """t=<seconds>,v1=<hex>[,v1=<hex>…] over "t.body" (stripe 16.1 _webhook.py); while a secret is rolled, of both."""
    parts = [part.partition("=") for part in header(asked, "stripe-signature").split(",")]
    at = next((value for name, _, value in parts if name == "t"), "")
    signatures = [value for name, _, value in parts if name == "v1"]
    return Claim(signatures, [at.encode("latin-1", "replace") + b"." + asked.body], whole_number(at), hexadecimal)


def _item(event: dict[str, Any], payload: bytes, sent_id: str | None) -> Item:
    """A snapshot event holds the object (data.object); a thin one (v2.core.event) names it (related_object)."""
    event_id, topic = text_at(event, "id"), text_at(event, "type")
    if event_id is None:
        raise NoId
    related = event.get("related_object")
    is_thin = isinstance(related, dict)
    about = related if isinstance(related, dict) else inner(event, "data", "object")
    created = event.get("created")
    at = iso_time(created) if isinstance(created, str) else epoch(created, 1_000_000)
    # A subscription that ended is "deleted" in Stripe's words, and still there, with its end.
    is_gone = (topic or "").endswith(".deleted") and topic != "customer.subscription.deleted"
    records = record(text_at(about, "type") if is_thin else text_at(about, "object"), text_at(about, "id"))
    return Item(event_id, payload, event_id, at, topic, op(is_gone), records, is_thin and bool(records))


WEBHOOK = Webhook(SecretMaker.VENDOR, _claim, _item)
