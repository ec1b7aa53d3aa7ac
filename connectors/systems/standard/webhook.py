"""Webhooks by the specification Standard Webhooks, of whichever system."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from connectors.systems.webhook import (
    Asked,
    Claim,
    Item,
    NoId,
    Webhook,
    header,
    iso_time,
    op,
    record,
    text_at,
    whole_number,
)
from warehouse_models.catalog.hooks import SecretMaker

# Bytes of a secret. The specification asks for 24.
_LEAST_KEY = 16


def _claim(asked: Asked) -> Claim:
    """v1,<base64>[ v1,<base64>…] over "id.seconds.body" (standardwebhooks.com); other versions are for others."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    sent_id, at, listed = (header(asked, name) for name in names)
    parts = [part.partition(",") for part in listed.split(" ")]
    signatures = [value for version, _, value in parts if version == "v1"]
    return Claim(signatures, [f"{sent_id}.{at}.".encode() + asked.body], whole_number(at), base64.b64encode)


def _key(secret: str) -> bytes:
    digits = secret.removeprefix("whsec_").rstrip("=")
    try:
        # Strictly: Python leaves out what is no base64, and signs with the rest.
        key = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except binascii.Error:
        key = b""
    if len(key) < _LEAST_KEY:
        raise ValueError(f"the secret is not whsec_ and at least {_LEAST_KEY} bytes in base64")
    return key


def _item(event: dict[str, Any], payload: bytes, sent_id: str | None) -> Item:
    """The specification names type, timestamp and data, and leaves open what they hold."""
    if not sent_id:
        raise NoId
    topic = text_at(event, "type")
    kind, _, what = (topic or "").rpartition(".")
    records = record(kind or None, text_at(event.get("data"), "id"))
    return Item(sent_id, payload, sent_id, iso_time(event.get("timestamp")), topic, op(what == "deleted"), records)


WEBHOOK = Webhook(SecretMaker.VENDOR, _claim, _item, id_header="webhook-id", key=_key)
