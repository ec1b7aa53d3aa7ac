"""Deliveries as vendors send them: their bodies, signed by their own libraries where they have one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

from hubspot.utils.signature import Signature
from standardwebhooks import Webhook
from stripe import WebhookSignature

from warehouse_models.catalog.hooks import Hook

SECRETS = {
    "asana": "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81",
    "hubspot": "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
    "jira": "a secret with spaces: ü",
    "standard": "whsec_" + base64.b64encode(b"twenty-four bytes or so").decode(),
    "stripe": "whsec_ufhFL7bJQ1hH8tYv0Xb2wR5kNc3mZp9S",
}


def stripe_event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2026-03-25",
        "created": 1_772_359_200 + number,
        "type": "invoice.paid",
        "data": {"object": {"id": f"in_{number}", "object": "invoice", "amount_paid": 1999, "currency": "eur"}},
        "livemode": True,
        "pending_webhooks": 1,
        **more,
    }


def hubspot_event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "eventId": number,
        "subscriptionId": 12_345,
        "portalId": 62_515,
        "occurredAt": 1_772_359_200_000 + number,
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": 900 + number,
        "propertyName": "email",
        "propertyValue": "a@example.com",
        "appId": 54_321,
        **more,
    }


def asana_event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "user": {"gid": "12", "resource_type": "user"},
        "created_at": f"2026-03-01T10:00:{number:02}.147Z",
        "action": "changed",
        "resource": {"gid": str(7000 + number), "resource_type": "task", "resource_subtype": "default_task"},
        "parent": None,
        "change": {"field": "assignee", "action": "changed"},
        **more,
    }


def jira_event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "timestamp": 1_772_359_200_000 + number,
        "webhookEvent": "jira:issue_updated",
        "issue_event_type_name": "issue_generic",
        "user": {"accountId": "5b10", "displayName": "Mia"},
        "issue": {"id": str(10_000 + number), "key": f"CS-{number}", "fields": {"summary": "Zürich 世界"}},
        **more,
    }


def standard_event(number: int, **more: Any) -> dict[str, Any]:
    at = f"2026-03-01T10:00:{number:02}Z"
    return {"type": "subscription.updated", "timestamp": at, "data": {"id": f"sub_{number}", "seats": 5}, **more}


def body_of(system: str, number: int, **more: Any) -> bytes:
    """A delivery with one event."""
    made: Any = {
        "asana": lambda: {"events": [asana_event(number, **more)]},
        "hubspot": lambda: [hubspot_event(number, **more)],
        "jira": lambda: jira_event(number, **more),
        "standard": lambda: standard_event(number, **more),
        "stripe": lambda: stripe_event(number, **more),
    }[system]()
    return json.dumps(made, indent=1).encode()


def signed(
    system: str, body: bytes, url: str, *, secret: str = "", at: float | None = None, sent_id: str = "msg_1"
) -> dict[str, str]:
    """The headers of a delivery, made by the vendor's own library where it has one. `at`: UTC seconds."""
    secret, at = secret or SECRETS[system], time.time() if at is None else at
    if system == "stripe":
        made = WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=int(at))
        return {"Stripe-Signature": made}
    if system == "hubspot":
        millis = str(int(at * 1000))
        made = Signature.get_signature(secret, body.decode(), "v3", url, "POST", millis)
        return {"X-HubSpot-Signature-v3": made, "X-HubSpot-Request-Timestamp": millis}
    if system == "standard":
        moment = datetime.fromtimestamp(int(at), UTC)
        made = Webhook(secret).sign(sent_id, moment, body.decode())
        return {"webhook-id": sent_id, "webhook-timestamp": str(int(at)), "webhook-signature": made}
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if system == "asana":
        return {"X-Hook-Signature": digest}
    return {"X-Hub-Signature": f"sha256={digest}", "X-Atlassian-Webhook-Identifier": sent_id}


def secret_file(hook: Hook) -> str:
    """The name under which a hook's own secret is expected."""
    return (hook.secret_ref or "").removeprefix("file:")
