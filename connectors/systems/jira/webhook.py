"""Jira's webhooks: an event a delivery, with the record in it.

Jira signs no time, and its id stands in a header that the signature does not cover: so a delivery is counted by its
content, and an old one that somebody repeats is known by it.
"""

from __future__ import annotations

from typing import Any

from connectors.contracts.canonical import sha_hex
from connectors.systems.webhook import (
    Asked,
    Claim,
    Item,
    NoSignature,
    Webhook,
    epoch,
    header,
    hexadecimal,
    op,
    record,
    text_at,
)
from warehouse_models.catalog.hooks import SecretMaker


def _claim(asked: Asked) -> Claim:
    """sha256=<hex> over the body (WebSub)."""
    method, _, signature = header(asked, "x-hub-signature").partition("=")
    if method != "sha256":
        raise NoSignature("X-Hub-Signature is not sha256=…")
    return Claim([signature], [asked.body], None, hexadecimal)


def _item(event: dict[str, Any], payload: bytes, sent_id: str | None) -> Item:
    """The record stands in the event under the name of its kind: jira:issue_updated has issue."""
    topic = text_at(event, "webhookEvent")
    kind, _, what = (topic or "").removeprefix("jira:").rpartition("_")
    about = event.get(kind)
    record_id = text_at(about, "id") or text_at(about, "accountId") or text_at(about, "key")
    at = epoch(event.get("timestamp"), 1_000)
    return Item(sha_hex(payload), payload, sent_id, at, topic, op(what == "deleted"), record(kind or None, record_id))


WEBHOOK = Webhook(SecretMaker.US, _claim, _item, id_header="x-atlassian-webhook-identifier")
