"""What a delivery says: its id, its time, what it is about, and whether a connector has to fetch it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.collector.http.messages import Message
from connectors.collector.journal.frames import frame, read_frames
from connectors.collector.webhooks.items import MOST_ITEMS, Bad, from_journal, items, to_journal
from connectors.systems.webhook import Item
from tests.support.vendors import SECRETS, asana_event, body_of, hubspot_event, jira_event, stripe_event

NOW = 1_772_400_000_000_000


def read(system: str, value: Any, sent_id: str | None = "sent") -> list[Item | Bad]:
    return items(system, sent_id, value if isinstance(value, bytes) else json.dumps(value).encode(), NOW)


def one(system: str, value: Any, sent_id: str | None = "sent") -> Item:
    (item,) = read(system, value, sent_id)
    assert isinstance(item, Item), item
    return item


def test_a_repetition_of_hubspot_s_is_known_in_another_list_by_its_content_but_for_the_attempt() -> None:
    first = read("hubspot", [hubspot_event(1), hubspot_event(2)])
    again = read("hubspot", [hubspot_event(3), dict(reversed(hubspot_event(2, attemptNumber=4).items()))])
    assert first[1].id == again[1].id and len({item.id for item in [*first, *again]}) == 3
    # eventId is no key: HubSpot says that it may repeat.
    assert one("hubspot", [hubspot_event(1, objectId=5)]).id != first[0].id


@pytest.mark.parametrize(
    ("more", "records", "op"),
    [
        ({"subscriptionType": "deal.creation", "objectId": 5}, (("deal", "5"),), "upsert"),
        ({"subscriptionType": "contact.deletion"}, (("contact", "901"),), "delete"),
        ({"subscriptionType": "contact.privacyDeletion"}, (("contact", "901"),), "delete"),
        ({"subscriptionType": "object.creation", "objectTypeId": "0-2"}, (("company", "901"),), "upsert"),
        ({"subscriptionType": "object.deletion", "objectTypeId": "2-77"}, (("2-77", "901"),), "delete"),
        (
            {"subscriptionType": "contact.merge", "newObjectId": 7, "primaryObjectId": 901, "mergedObjectIds": [2, 3]},
            (("contact", "901"), ("contact", "7"), ("contact", "2"), ("contact", "3")),
            "upsert",
        ),
        (
            {"subscriptionType": "contact.associationChange", "objectId": None, "fromObjectId": 4, "toObjectId": 5},
            (("contact", "4"),),
            "upsert",
        ),
        ({"objectId": None}, (), "upsert"),
        ({"subscriptionType": None}, (), "upsert"),
    ],
)
def test_hubspot_names_records_that_are_to_be_fetched(more: Any, records: Any, op: str) -> None:
    item = one("hubspot", [hubspot_event(1, **more)])
    assert (item.records, item.op, item.is_thin) == (records, op, bool(records))


@pytest.mark.parametrize(("action", "op"), [("deleted", "delete"), ("removed", "upsert"), ("undeleted", "upsert")])
def test_asana_names_records_and_a_heartbeat_names_none(action: str, op: str) -> None:
    item = one("asana", {"events": [asana_event(1, action=action)]})
    assert (item.records, item.op, item.is_thin, item.topic) == ((("task", "7001"),), op, True, f"task.{action}")
    assert read("asana", {"events": []}) == []


@pytest.mark.parametrize(
    ("topic", "op"),
    [
        ("invoice.paid", "upsert"),
        ("customer.deleted", "delete"),
        # It ended; Stripe still has it.
        ("customer.subscription.deleted", "upsert"),
    ],
)
def test_stripe_s_events_hold_their_object(topic: str, op: str) -> None:
    item = one("stripe", stripe_event(1, type=topic))
    assert (item.id, item.records, item.op, item.is_thin) == ("evt_1", (("invoice", "in_1"),), op, False)
    assert item.at == 1_772_359_201_000_000


def test_stripe_s_thin_events_are_to_be_fetched() -> None:
    related = {"id": "acct_1", "type": "v2.core.account", "url": "/v2/core/accounts/acct_1"}
    thin = {"id": "evt_2", "object": "v2.core.event", "type": "v2.core.account.updated", "related_object": related}
    item = one("stripe", thin | {"created": "2026-03-01T10:00:00.000Z"})
    assert (item.records, item.is_thin, item.at) == ((("v2.core.account", "acct_1"),), True, 1_772_359_200_000_000)
    assert not one("stripe", thin | {"related_object": None}).is_thin


@pytest.mark.parametrize(
    ("more", "record", "op"),
    [
        ({}, ("issue", "10001"), "upsert"),
        ({"webhookEvent": "jira:issue_deleted"}, ("issue", "10001"), "delete"),
        ({"webhookEvent": "comment_created", "comment": {"id": "5"}}, ("comment", "5"), "upsert"),
        ({"webhookEvent": "worklog_deleted", "worklog": {"id": 6}}, ("worklog", "6"), "delete"),
        ({"webhookEvent": "user_created"}, ("user", "5b10"), "upsert"),
        ({"webhookEvent": "project_updated", "project": {"key": "CS"}}, ("project", "CS"), "upsert"),
        ({"webhookEvent": "board_configuration_changed"}, None, "upsert"),
    ],
)
def test_jira_s_record_stands_under_the_name_of_its_kind(more: Any, record: Any, op: str) -> None:
    item = one("jira", jira_event(1, **more))
    assert (item.records, item.op, item.vendor_id) == ((record,) if record else (), op, "sent")


def test_an_id_that_nobody_signed_does_not_decide_what_is_a_repetition() -> None:
    """Or whoever has seen one delivery of Jira's could send it under the next one's id, which would be missed."""
    assert one("jira", jira_event(1), "a").id == one("jira", jira_event(1), "b").id
    assert one("jira", jira_event(1), "a").id != one("jira", jira_event(2), "a").id


def test_an_event_of_standard_webhooks_is_counted_by_the_id_that_is_signed() -> None:
    body = body_of("standard", 1)
    assert one("standard", body, "a").id == "a"
    assert one("standard", {"type": "user.deleted", "data": None}, "b").op == "delete"
    (bad,) = read("standard", body, None)
    assert isinstance(bad, Bad) and bad.reason.startswith("no_key")


@pytest.mark.parametrize(
    ("system", "value", "code"),
    [
        ("stripe", b"", "not_json"),
        ("stripe", b"{}", "no_key"),
        ("stripe", b'{"id": ""}', "no_key"),
        ("stripe", b'{"id": {"a": 1}}', "no_key"),
        ("stripe", b"[]", "not_an_object"),
        ("stripe", b"null", "not_an_object"),
        ("stripe", b'{"id": "a\\u0000b"}', "nul_bytes"),
        ("stripe", b'{"id": "\\ud83d"}', "not_utf8"),
        ("stripe", b'{"id": "\xff"}', "not_utf8"),
        ("stripe", b'{"id": "a", "price": NaN}', "not_json"),
        ("stripe", b'{"id": "a", "x": ' + b"[" * 990 + b"]" * 990 + b"}", "too_deep"),
        ("hubspot", b"7", "not_a_list"),
        ("hubspot", b"[7]", "not_an_object"),
        ("asana", b"[]", "not_a_list"),
        ("asana", b'{"events": {}}', "not_a_list"),
        ("jira", b"payment=1", "not_json"),
    ],
)
def test_what_is_no_event_says_why(system: str, value: bytes, code: str) -> None:
    (bad,) = read(system, value)
    assert isinstance(bad, Bad) and bad.reason.partition(":")[0].partition(" ")[0] == code


def test_a_broken_event_costs_its_neighbours_nothing() -> None:
    good, bad, other = read("hubspot", [hubspot_event(1), "broken", hubspot_event(2)])
    assert isinstance(bad, Bad) and bad.raw == b'"broken"'
    assert [good.records, other.records] == [(("contact", "901"),), (("contact", "902"),)]  # type: ignore[union-attr]


@pytest.mark.parametrize("at", [None, True, -1, 1.5, 10**30, "2026-03-01T10:00:00Z", [1]])
def test_a_time_that_is_none_is_absent(at: Any) -> None:
    assert one("hubspot", [hubspot_event(1, occurredAt=at)]).at is None
    assert one("jira", jira_event(1, timestamp=at)).at is None


def test_a_time_from_after_tomorrow_is_absent() -> None:
    """Stripe's test clocks run months ahead; the event is kept."""
    assert one("stripe", stripe_event(1, created=NOW // 1_000_000 + 86_400)).at is not None
    assert one("stripe", stripe_event(1, created=NOW // 1_000_000 + 86_401)).at is None


def test_every_digit_of_an_amount_is_kept() -> None:
    raw = b'{"id": "evt_1", "big": 12345678901234567890123, "price": 0.1234567890123456789}'
    assert json.loads(one("stripe", raw).payload) == {
        "id": "evt_1",
        "big": 12345678901234567890123,
        "price": "0.1234567890123456789",
    }


def test_an_exponent_that_no_number_can_hold_is_kept_as_it_was_sent() -> None:
    raw = b'{"id": "evt_1", "x": 0.0000000000000001e-99999999999999999999}'
    assert json.loads(one("stripe", raw).payload)["x"] == "0.0000000000000001e-99999999999999999999"


def test_a_delivery_of_more_events_than_a_vendor_sends_is_one_refusal() -> None:
    (bad,) = read("hubspot", b"[" + b",".join([b"0"] * (MOST_ITEMS + 1)) + b"]")
    assert isinstance(bad, Bad) and bad.reason.startswith("too_many")
    assert len(read("hubspot", b"[" + b",".join([b"0"] * MOST_ITEMS) + b"]")) == MOST_ITEMS


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = ("id", "type", "object", "data", "related_object", "created", "events", "resource", "action", "created_at")
_MORE = ("subscriptionType", "objectId", "mergedObjectIds", "occurredAt", "webhookEvent", "issue", "timestamp")
_EVENTS = st.fixed_dictionaries({}, optional=dict.fromkeys((*_NAMES, *_MORE), _VALUES))


@given(
    system=st.sampled_from(sorted(SECRETS)),
    value=_EVENTS | st.lists(_EVENTS, max_size=3) | st.builds(lambda e: {"events": e}, st.lists(_EVENTS | _VALUES)),
    sent_id=st.none() | st.text(),
)
def test_whatever_is_sent_is_read_into_texts_that_bronze_can_hold(system: str, value: Any, sent_id: str | None) -> None:
    for item in read(system, value, sent_id):
        if isinstance(item, Item):
            words = [item.id, item.topic or "", item.vendor_id or "", *(word for pair in item.records for word in pair)]
            assert item.id and not any("\0" in word for word in words)
            assert json.loads(item.payload) is not None and item.op in ("upsert", "delete")
        else:
            assert ":" in item.reason or "(" in item.reason


@given(raw=st.binary(), sent_id=st.none() | st.text(st.characters(max_codepoint=255)))
def test_any_bytes_go_through_the_journal_and_come_back(raw: bytes, sent_id: str | None) -> None:
    message = Message(NOW, "acme", "hook_1", "hook:stripe", to_journal(sent_id, raw))
    payload = message.to_bytes()
    payload.decode()  # no record's magic can be in it
    (back,) = read_frames(frame(payload))
    assert isinstance(back, bytes)
    assert from_journal(Message.of(back).body) == (sent_id, raw)
