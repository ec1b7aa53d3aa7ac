"""Webhooks through a real collector into bronze, signed by the vendors' own libraries."""

from __future__ import annotations

import base64
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.collector.http.protocol import MOST_BODY
from connectors.landing.replay import replay
from tests.support.vendors import SECRETS, body_of, hubspot_event, signed
from tests.support.worlds.collector import World, start
from warehouse_models.catalog.hooks import Hook
from warehouse_models.catalog.secrets import env_reference, write_secret

DELIVERIES = "bronze/webhooks/deliveries"
FETCHES = "bronze/webhooks/fetches"
SYSTEMS = tuple(SECRETS)


def hook_of(world: World, system: str, tenant: str = "acme", *, secret: str = "") -> Hook:
    """A webhook whose secret is known on both sides."""
    world.names += 1
    hooks = world.hooks
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


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_not_signed_is_401_with_a_code_and_nothing_of_it_is_kept(world: World, system: str) -> None:
    hook = hook_of(world, system)
    body = body_of(system, 1)
    other = "whsec_YW5vdGhlciBzZWNyZXQgb2YgMjQgYnl0ZXM=" if system == "standard" else "another secret"
    wrong = [deliver(world, hook, body, secret=other), world.post(hook.path, body)]
    url = world.collector.address + hook.path
    wrong.append(world.post(hook.path, body + b" ", headers=signed(system, body, url)))
    for reply, code in zip(wrong, ("bad_signature", "no_signature", "bad_signature"), strict=True):
        assert (reply.status_code, reply.json()["code"]) == (401, code) and reply.json()["message"]
    world.land()
    assert landed(world, hook) == [] == world.refused(hook.hook_id)


@pytest.mark.parametrize("system", ["hubspot", "standard", "stripe"])
def test_what_was_signed_too_long_ago_or_ahead_is_401_and_says_so(world: World, system: str) -> None:
    hook = hook_of(world, system)
    for late, code in ((-310, "too_old"), (310, "too_new")):
        reply = deliver(world, hook, body_of(system, 1), at=time.time() + late)
        assert (reply.status_code, reply.json()["code"]) == (401, code)
    assert deliver(world, hook, body_of(system, 1), at=time.time() - 290).status_code == 200


def test_an_address_is_known_as_a_whole_or_404(world: World) -> None:
    hook, other = hook_of(world, "stripe"), hook_of(world, "jira", "other")
    for path in (
        hook.path.replace("acme", "other"),
        hook.path.replace("stripe", "jira"),
        hook.path[:-1],
        f"/hooks/acme/stripe/{other.hook_id}",
        f"/hooks/acme/unheard/{hook.hook_id}",
    ):
        body = body_of("stripe", 1)
        reply = world.post(path, body, headers=signed("stripe", body, path))
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found"), path
    assert world.client.get(world.collector.address + hook.path).status_code == 405


def until(world: World, hook: Hook, status: int, body: bytes, **how: Any) -> httpx.Response:
    """Deliver again and again until the running collector has read the catalog again."""
    deadline = time.monotonic() + 10
    while (reply := deliver(world, hook, body, **how)).status_code != status:
        assert time.monotonic() < deadline, (reply.status_code, reply.text)
        time.sleep(0.1)
    return reply


def test_a_revoked_webhook_stops_within_seconds_and_goes_on_by_a_new_secret_alone(world: World) -> None:
    hook = hook_of(world, "stripe")
    assert deliver(world, hook, body_of("stripe", 1)).status_code == 200
    world.hooks.revoke("acme", hook.name)
    until(world, hook, 404, body_of("stripe", 2))
    world.hooks.rotate("acme", hook.name, write_secret(f"{hook.hook_id}-new", "whsec_new"))
    until(world, hook, 200, body_of("stripe", 3), secret="whsec_new")
    assert deliver(world, hook, body_of("stripe", 4)).status_code == 401


def test_after_a_rotation_both_secrets_count_until_the_old_one_ends(world: World) -> None:
    hook, hooks = hook_of(world, "stripe"), world.hooks
    rotated, _ = hooks.rotate("acme", hook.name, write_secret(f"{hook.hook_id}-2", "whsec_2"))
    until(world, hook, 200, body_of("stripe", 1), secret="whsec_2")
    assert deliver(world, hook, body_of("stripe", 2)).status_code == 200
    assert rotated.path == hook.path
    hooks.rotate("acme", hook.name, write_secret(f"{hook.hook_id}-3", "whsec_3"), grace=timedelta(seconds=4))
    until(world, hook, 200, body_of("stripe", 3), secret="whsec_3")
    assert deliver(world, hook, body_of("stripe", 4)).status_code == 401, "the first is two rotations old"
    assert deliver(world, hook, body_of("stripe", 5), secret="whsec_2").status_code == 200
    until(world, hook, 401, body_of("stripe", 6), secret="whsec_2")
    assert deliver(world, hook, body_of("stripe", 7), secret="whsec_3").status_code == 200


def test_an_old_secret_ends_in_time_though_the_catalog_cannot_be_read(own_world: World, tmp_path: Path) -> None:
    own_world.collector = start(tmp_path)
    hook = hook_of(own_world, "stripe")
    new = write_secret(f"{hook.hook_id}-2", "whsec_2")
    own_world.hooks.rotate("acme", hook.name, new, grace=timedelta(seconds=4))
    until(own_world, hook, 200, body_of("stripe", 1), secret="whsec_2")
    catalog = Path(own_world.lake.root) / "catalog"
    catalog.rename(catalog.with_name("away"))
    assert deliver(own_world, hook, body_of("stripe", 2)).status_code == 200
    until(own_world, hook, 401, body_of("stripe", 3))
    assert deliver(own_world, hook, body_of("stripe", 4), secret="whsec_2").status_code == 200
    unknown = hook.path[:-1] + "-"
    assert own_world.post(unknown, b"{}").json()["code"] == "catalog_unreadable"


def test_a_secret_that_cannot_be_read_is_our_failure_until_it_is_told(world: World) -> None:
    hook, _ = world.hooks.add("acme", "stripe", f"untold {world.names}")
    reply = deliver(world, hook, body_of("stripe", 1))
    assert (reply.status_code, reply.json()["code"]) == (503, "secret_unreadable") and reply.headers["Retry-After"]
    world.hooks.tell_secret("acme", hook.name, SECRETS["stripe"])
    until(world, hook, 200, body_of("stripe", 1))
    # A rotation whose new secret is not there yet: what the old one signed is taken, and the rest may be the new one's.
    world.hooks.rotate("acme", hook.name)
    until(world, hook, 503, body_of("stripe", 2), secret="whsec_new")
    assert deliver(world, hook, body_of("stripe", 3)).status_code == 200


def test_a_secret_may_stand_in_the_collector_s_environment(own_world: World, tmp_path: Path) -> None:
    hooks = own_world.hooks
    hook, _ = hooks.add("acme", "stripe", reference=env_reference("OF_STRIPE"))
    missing, _ = hooks.add("acme", "hubspot", reference=env_reference("OF_NOBODY"))
    own_world.collector = start(tmp_path, OF_STRIPE=SECRETS["stripe"] + "\n")
    assert deliver(own_world, hook, body_of("stripe", 1)).status_code == 200
    assert deliver(own_world, missing, body_of("hubspot", 1)).status_code == 503
    assert SECRETS["stripe"] not in own_world.collector.log.read_text()


@pytest.mark.parametrize("body", [b"payment=done", b"\xff\xfe\x00", b"", b'{"id": "evt_\\u0000"}', b"[1]"])
def test_a_rightly_signed_body_that_is_no_event_is_quarantined_counted_and_200(world: World, body: bytes) -> None:
    hook = hook_of(world, "stripe")
    made = hmac.new(SECRETS["stripe"].encode(), f"{int(time.time())}.".encode() + body, "sha256").hexdigest()
    headers = {"Stripe-Signature": f"t={int(time.time())},v1={made}"}
    assert [world.post(hook.path, body, headers=headers).status_code for _ in range(2)] == [200, 200]
    report = world.land()
    (row,) = world.refused(hook.hook_id)
    assert (row["object"], row["bytes"], report.quarantined) == ("webhooks", len(body), 1)
    raw = base64.b64decode(row["payload"]) if row["encoding"] == "base64" else row["payload"].encode()
    assert raw == body and landed(world, hook) == []


def test_a_refused_delivery_stays_in_quarantine_when_the_others_are_replayed(world: World) -> None:
    hook = hook_of(world, "hubspot")
    body = json.dumps([hubspot_event(1), "no event", hubspot_event(2)]).encode()
    assert deliver(world, hook, body).status_code == 200
    world.land()
    assert [row["vendor_id"] for row in landed(world, hook)] == ["1", "2"]
    before = world.refused(hook.hook_id)
    report = replay(world.lake, world.catalog, "acme")
    assert report.accepted == 0 and any("webhook" in why for why in report.kept)
    assert world.refused(hook.hook_id) == before


def test_what_thin_deliveries_name_is_queued_once_for_the_connector(world: World) -> None:
    hubspot, asana, stripe = (hook_of(world, system) for system in ("hubspot", "asana", "stripe"))
    first = json.dumps([hubspot_event(1), hubspot_event(2, subscriptionType="deal.deletion")]).encode()
    # The second comes again, in another list, as HubSpot repeats it.
    merge = hubspot_event(4, subscriptionType="company.merge", objectId=904, mergedObjectIds=[905])
    repeated = hubspot_event(2, subscriptionType="deal.deletion", attemptNumber=1)
    again = json.dumps([repeated, hubspot_event(3), merge]).encode()
    for body in (first, again):
        assert deliver(world, hubspot, body).status_code == 200
    assert deliver(world, asana, body_of("asana", 5)).status_code == 200
    assert deliver(world, asana, b'{"events": []}').status_code == 200
    assert deliver(world, stripe, body_of("stripe", 1)).status_code == 200
    report = world.land()
    assert (report.hooks.added, report.hooks.repeated, report.hooks.fetches) == (6, 1, 6)
    fetches = {(row["object"], row["record_id"]): row for row in landed(world, hubspot, FETCHES)}
    assert {key: row["op"] for key, row in fetches.items()} == {
        ("contact", "901"): "upsert",
        ("deal", "902"): "delete",
        ("contact", "903"): "upsert",
        ("company", "904"): "upsert",
        ("company", "905"): "upsert",
    }
    delivered = {row["record_id"]: row for row in landed(world, hubspot)}
    for row in fetches.values():
        assert (row["tenant_id"], row["system"]) == ("acme", "hubspot")
        assert row["updated_at"] == delivered[row["delivery_id"]]["updated_at"]
    assert [(row["object"], row["record_id"]) for row in landed(world, asana, FETCHES)] == [("task", "7005")]
    assert landed(world, stripe, FETCHES) == []


def test_hubspot_signs_the_public_url_of_a_collector_behind_a_proxy(own_world: World, tmp_path: Path) -> None:
    hook = hook_of(own_world, "hubspot")
    body = body_of("hubspot", 1)
    own_world.collector = start(tmp_path)
    host = own_world.collector.address.removeprefix("http://")
    for url, status in (
        (f"https://{host}{hook.path}", 200),  # TLS ended before us
        (f"http://{host}{hook.path}", 200),
        (f"https://{host}{hook.path}?x=1", 401),
        (f"https://hooks.example.com{hook.path}", 401),
    ):
        assert own_world.post(hook.path, body, headers=signed("hubspot", body, url)).status_code == status, url
    url = f"https://{host}{hook.path}?to=a@b.c&x=%20y"
    assert (
        own_world.post(hook.path + "?to=a%40b.c&x=%20y", body, headers=signed("hubspot", body, url)).status_code == 200
    )
    sent = {**signed("hubspot", body, f"https://hooks.example.com{hook.path}"), "Host": "hooks.example.com"}
    assert own_world.post(hook.path, body, headers=sent).status_code == 200, "a proxy that keeps the host"
    own_world.collector.kill()
    own_world.collector = start(tmp_path, TENURE_PUBLIC_URL="https://hooks.example.com/collector/")
    for url, status in (
        (f"https://hooks.example.com/collector{hook.path}", 200),
        (f"https://hooks.example.com{hook.path}", 401),
    ):
        assert own_world.post(hook.path, body, headers=signed("hubspot", body, url)).status_code == status, url


def test_a_large_delivery_is_taken_and_one_beyond_the_limit_is_413(world: World) -> None:
    hook = hook_of(world, "jira")
    body = body_of("jira", 1, changelog="x" * 3_000_000)
    assert deliver(world, hook, body).status_code == 200
    reply = deliver(world, hook, b"x" * (MOST_BODY + 1))
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")
    world.land()
    assert [len(row["payload"]) > 3_000_000 for row in landed(world, hook)] == [True]


def test_deliveries_count_against_the_quota_of_their_tenant_event_by_event(world: World) -> None:
    world.catalog.add_tenant("small_one")
    world.catalog.set_tenant("small_one", events_per_second=1)
    hook = hook_of(world, "hubspot", "small_one")
    batch = json.dumps([hubspot_event(n) for n in range(40)]).encode()
    for _ in range(40):  # what nobody signed costs the tenant nothing
        assert deliver(world, hook, batch, secret="another").status_code == 401
    assert deliver(world, hook, batch).status_code == 200
    reply = deliver(world, hook, body_of("hubspot", 50))
    assert (reply.status_code, reply.json()["code"]) == (429, "over_quota") and int(reply.headers["Retry-After"]) >= 8
    world.catalog.set_tenant("small_one", state="suspended")
    deadline = time.monotonic() + 10
    while (reply := deliver(world, hook, body_of("hubspot", 50))).json()["code"] != "suspended":
        assert time.monotonic() < deadline and reply.status_code == 429


@pytest.fixture(scope="module")
def fuzzed(world: World) -> dict[str, Hook]:
    """A webhook of each system, for rightly signed bodies of any bytes."""
    return {system: hook_of(world, system) for system in ("asana", "jira")}


@settings(max_examples=100)
@given(
    system=st.sampled_from(["asana", "jira"]),
    head=st.sampled_from([b"", b"{", b'{"events":[', b'{"events":[{}]}', b"\xef\xbb\xbf{}", b"\x1f\x8b"]),
    tail=st.binary(max_size=60),
)
def test_no_signed_bytes_are_answered_with_a_failure(
    world: World, fuzzed: dict[str, Hook], system: str, head: bytes, tail: bytes
) -> None:
    assert deliver(world, fuzzed[system], head + tail).status_code == 200


def test_nor_do_they_keep_a_neighbour_out_of_bronze(world: World, fuzzed: dict[str, Hook]) -> None:
    assert deliver(world, fuzzed["jira"], body_of("jira", 99)).status_code == 200
    assert not world.land().kept
    assert "10099" in {row["subject_id"] for row in landed(world, fuzzed["jira"])}


def test_no_secret_and_nothing_that_was_delivered_is_in_the_log_or_in_the_lake(world: World) -> None:
    hook = hook_of(world, "stripe")
    deliver(world, hook, body_of("stripe", 1, type="of-a-person"))
    deliver(world, hook, body_of("stripe", 2, type="of-a-person"), secret="whsec_not_known")
    log = world.collector.log.read_text()
    assert hook.hook_id in log and "bad_signature" in log
    assert not any(word in log for word in (*SECRETS.values(), "of-a-person", "whsec_", "Traceback"))
    for path in (Path(world.lake.root) / "catalog").rglob("*"):
        assert path.is_dir() or not any(secret.encode() in path.read_bytes() for secret in SECRETS.values())
