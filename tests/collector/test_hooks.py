"""Webhooks through a real collector into bronze, signed by the vendors' own libraries."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.collector.vendors import SECRETS, body_of, signed
from tests.collector.world import World
from warehouse_models.hooks import Hook, Hooks
from warehouse_models.secret_references import write_secret

DELIVERIES = "bronze/webhooks/deliveries"
FETCHES = "bronze/webhooks/fetches"
SYSTEMS = tuple(SECRETS)


def hook_of(world: World, system: str, tenant: str = "acme", *, secret: str = "") -> Hook:
    """A webhook whose secret is known on both sides."""
    world.names += 1
    hooks = Hooks(world.catalog)
    if system == "asana":
        added, _ = hooks.add(tenant, system, f"{system} {world.names}")
        reply = world.post(added.path, b"", headers={"X-Hook-Secret": secret or SECRETS[system]})
        assert (reply.status_code, reply.headers["X-Hook-Secret"]) == (200, secret or SECRETS[system])
        return added
    reference = write_secret(f"test-{world.names}", secret or SECRETS[system])
    return hooks.add(tenant, system, f"{system} {world.names}", reference)[0]


def deliver(world: World, hook: Hook, body: bytes, **how: Any) -> httpx.Response:
    url = world.collector.address + hook.path
    return world.post(hook.path, body, headers=signed(hook.system, body, url, **how))


def landed(world: World, hook: Hook, address: str = DELIVERIES) -> list[dict[str, Any]]:
    order = "delivery_id, object, record_id" if address == FETCHES else "file, line"
    return world._table(address, "*", hook.hook_id, order)


WANTED = {
    "stripe": ("invoice.paid", "invoice", "in_7", "evt_7", "evt_7"),
    "hubspot": ("contact.propertyChange", "contact", "907", None, "7"),
    "asana": ("task.changed", "task", "7007", None, None),
    "jira": ("jira:issue_updated", "issue", "10007", None, "msg_1"),
    "standard": ("subscription.updated", "subscription", "sub_7", "msg_1", "msg_1"),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_signed_delivery_is_in_bronze_with_what_it_is_about(world: World, system: str) -> None:
    hook = hook_of(world, system)
    body = body_of(system, 7)
    before = datetime.now(UTC)
    reply = deliver(world, hook, body)
    assert (reply.status_code, reply.content) == (200, b'{"success":true}')
    world.land()
    (row,) = landed(world, hook)
    topic, subject, subject_id, record_id, vendor_id = WANTED[system]
    assert (row["topic"], row["subject"], row["subject_id"]) == (topic, subject, subject_id)
    assert (row["tenant_id"], row["object"], row["op"], row["vendor_id"]) == ("acme", system, "upsert", vendor_id)
    assert row["record_id"] == record_id if record_id else len(row["record_id"]) == 64
    assert timedelta(0) <= row["updated_at"] - datetime(2026, 3, 1, 10, tzinfo=UTC) < timedelta(seconds=9)
    assert before <= row["received_at"] <= row["landed_at"]
    sent = json.loads(body)
    assert (
        json.loads(row["payload"])
        == {"asana": lambda: sent["events"][0], "hubspot": lambda: sent[0]}.get(system, lambda: sent)()
    )
