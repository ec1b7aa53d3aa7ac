"""The tracking API as SDKs speak it: paths, keys, bodies, replies (CONNECTORS §3)."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.collector.http.protocol import MOST_BODY, MOST_EVENTS, parsed
from tests.support.worlds.collector import World, event
from warehouse_models.catalog.sources import Sources


def test_each_path_and_letter_lands_its_type(world: World) -> None:
    source, key = world.source()
    kinds = {"track": "t", "identify": "i", "page": "p", "screen": "s", "group": "g", "alias": "a"}
    for kind, letter in kinds.items():
        for path in (f"/v1/{kind}", f"/v1/{letter}", f"/v1/{kind}/", f"/beacon/v1/{kind}"):
            # What the body says of its type counts less than where it is sent.
            body = event(0, messageId=path, type="track", groupId="g1", previousId="before")
            reply = world.post(path, body, key)
            assert (reply.status_code, reply.content) == (200, b'{"success":true}')
    for path in ("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch", "/v1/batch/"):
        assert world.post(path, {"batch": [event(0, messageId=path, type="page")]}, key).status_code == 200
    world.land()
    types = {row["record_id"]: row["type"] for row in world.bronze(source)}
    wanted = {path: kind for kind, letter in kinds.items() for path in (f"/v1/{kind}", f"/v1/{letter}")}
    assert wanted.items() <= types.items()
    assert len(types) == 6 * 4 + 5 and types["/v1/b"] == "page" == types["/beacon/v1/batch"]


def basic(user: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}


def test_a_key_may_stand_in_header_query_or_body_and_the_header_wins_then_the_query(world: World) -> None:
    mine, key = world.source()
    theirs, other = world.source("other")
    body = event(1, writeKey=other)
    for n, (headers, query) in enumerate(
        [
            (basic(f"{key}:"), ""),
            (basic(key), ""),  # no colon
            (basic(f"{key}:ignored"), f"?writeKey={other}"),
            ({"Authorization": basic(f"{key}:")["Authorization"].replace("Basic", "basic").rstrip("=")}, ""),
            ({}, f"?writeKey={key}"),
            (basic(":"), f"?writeKey={key}"),  # names nobody
            ({"Authorization": "Bearer of-a-proxy"}, f"?writeKey={key}"),
        ]
    ):
        assert world.post(f"/v1/track{query}", {**body, "messageId": f"h{n}"}, headers=headers).status_code == 200
    assert world.post("/v1/track", {**body, "messageId": "body"}).status_code == 200
    assert world.post("/v1/batch", {"batch": [event(2)], "writeKey": other}).status_code == 200
    for headers in (basic("nobody:"), {"Authorization": "Basic !!!"}):
        assert world.post("/v1/track", body, headers=headers).status_code == 401
    assert world.post("/v1/track?writeKey=nobody", body).status_code == 401
    for wrong in (None, "", 7, ["x"], "nobody", "half \ud83d a character"):
        assert world.post("/v1/track", {**body, "writeKey": wrong}).status_code == 401
    world.land()
    assert [row["record_id"] for row in world.bronze(mine)] == [f"h{n}" for n in range(7)]
    rows = world.bronze(theirs)
    assert {row["record_id"] for row in rows} == {"body", "m2"} and {row["tenant_id"] for row in rows} == {"other"}
    assert not any(other in row["payload"] for row in rows)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", "image/png"])
def test_gzip_and_chunks_are_read_whatever_the_content_type_says(world: World, kind: str) -> None:
    source, key = world.source()
    plain = json.dumps({"batch": [event(n) for n in range(50)]}).encode()
    packed = gzip.compress(plain[:100]) + gzip.compress(plain[100:])

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(packed), 100):
            yield packed[start : start + 100]

    url, head = f"{world.collector.address}/v1/batch", {"Content-Type": kind, "Content-Encoding": "gzip"}
    assert httpx.post(url, content=chunks(), headers=head, auth=(key, "")).status_code == 200
    # A proxy that unpacked and left the header, one that dropped the header: the bytes decide.
    assert world.post("/v1/track", event(50), key, headers=head).status_code == 200
    assert world.post("/v1/track", gzip.compress(json.dumps(event(51)).encode()), key).status_code == 200
    world.land()
    assert len(world.bronze(source)) == 52


def test_a_batch_of_8_mib_is_taken_and_what_could_be_no_batch_is_refused_before_it_fills_memory(world: World) -> None:
    source, key = world.source()
    half = {n: event(n, properties={"text": "x" * (4 * 1024 * 1024 - 200)}) for n in range(2)}
    assert world.post("/v1/batch", {"batch": list(half.values())}, key).status_code == 200
    bombs = [b"x" * (MOST_BODY + 1), gzip.compress(b" " * (MOST_BODY + 1)), gzip.compress(b"0" * 100_000_000)]
    for bomb in bombs:
        reply = world.post("/v1/batch", bomb, key)
        assert reply.status_code == 413 and reply.json()["code"] == "too_large"
    world.land()
    assert len(world.bronze(source)) == 2


def test_a_batch_holds_as_many_events_as_an_sdk_sends_and_not_as_many_as_can_be_made_of_nothing(world: World) -> None:
    source, key = world.source()
    for events, status in ((2, 200), (MOST_EVENTS, 200), (MOST_EVENTS + 1, 413)):
        body = gzip.compress(b'{"batch":[' + b",".join([b"0"] * events) + b"]}")
        assert len(body) < 1_000 and world.post("/v1/batch", body, key).status_code == status
    # So many refused rows are written in more than one piece.
    world.land()
    assert len(world.refused(source)) == MOST_EVENTS + 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"[]", "bad_json"),
        (b"null", "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b"\xff\xfe", "bad_json"),
        (b"\x1f\x8bnot gzip", "bad_gzip"),
        (gzip.compress(b'{"batch":[]}', mtime=0)[:-9], "bad_gzip"),
        (gzip.compress(b'{"batch":[]}', mtime=0) + b"more", "bad_gzip"),
        (b"{}", "bad_batch"),
        (b'{"batch":{}}', "bad_batch"),
    ],
    # Not the bytes: gzip writes the time into them, and two workers of xdist would collect different tests.
    ids=lambda value: f"{len(value)}-bytes" if isinstance(value, bytes) else value,
)
def test_what_is_no_batch_gets_400_with_code_and_message(world: World, body: bytes, code: str) -> None:
    _, key = world.source()
    reply = world.post("/v1/batch", body, key)
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert reply.json()["message"]


def test_a_body_with_one_broken_event_is_kept_in_the_size_in_which_it_was_sent() -> None:
    """It is written again, and metered by what was written: six bytes for each letter that is no ASCII, once."""
    text = '{"a":NaN,"b":"' + "é" * 1_000 + '"}'
    value, kept = parsed(text.encode())
    assert json.loads(kept)["b"] == value["b"] == "é" * 1_000
    assert len(kept) <= len(text.encode()) + 10
    half, kept = parsed(b'{"a":NaN,"b":"\\ud83d \xff"}')
    assert json.loads(kept.decode())["b"] == half["b"] == "\ud83d \udcff"


def test_an_empty_batch_is_success(world: World) -> None:
    _, key = world.source()
    assert world.post("/v1/batch", {"batch": []}, key).json() == {"success": True}


BAD = {
    "unknown_type": json.dumps(event(1, type="merge")),
    "no_type": json.dumps(event(1, type=None)),
    "no_event": json.dumps(event(1, event=None)),
    "no_user": json.dumps(event(1, userId=None)),
    "not_iso_time": json.dumps(event(1, timestamp="yesterday")),
    "before_floor": json.dumps(event(1, timestamp="1970-01-01T00:00:00Z")),
    "not_an_object": '"text"',
    # Written as text: json's own recursion does not fit the stack of a worker of xdist.
    "too_deep": json.dumps(event(1, properties="deep")).replace('"deep"', '{"x": ' + "[" * 950 + "]" * 950 + "}"),
    "nul_bytes": json.dumps(event(1, userId="a\0b")),
    "not_text": json.dumps(event(1, userId={"id": 1})),
}
# JSON that is none, in one event: the neighbours must not pay for it.
BROKEN = {
    "not_utf8": rb'{"type":"track","event":"cut \ud83d","userId":"u"}',
    "not_json": b'{"type":"track","event":"x","userId":"u","properties":{"price":NaN}}',
    "not_json ": b'{"type":"track","event":"x","userId":"u","properties":{"price":' + b"9" * 5_000 + b"}}",
    "not_utf8 ": b'{"type":"track","event":"\xe9t\xe9","userId":"u"}',
}


@pytest.mark.parametrize("code", [*BAD, *BROKEN])
def test_a_bad_event_is_quarantined_and_its_neighbours_land(world: World, code: str) -> None:
    source, key = world.source()
    bad = BROKEN[code] if code in BROKEN else BAD[code].encode()
    good = [json.dumps(event(n, event="Öffnen 🦊", properties={"n": 2**70})).encode() for n in (7, 8)]
    body = b'{"batch":[' + b",".join([good[0], bad, good[1]]) + b"]}"
    assert world.post("/v1/batch", body, key).status_code == 200
    world.land()
    rows = world.bronze(source)
    assert [(row["record_id"], row["event"], row["line"] - rows[0]["line"]) for row in rows] == [
        ("m7", "Öffnen 🦊", 0),
        ("m8", "Öffnen 🦊", 2),
    ]
    assert {row["properties"] for row in rows} == {f'{{"n":{2**70}}}'}
    (refused,) = world.refused(source)
    assert refused["reason"].partition(":")[0] == code.strip()
    assert refused["tenant_id"] == "acme" and len(refused["payload"]) > 5


def test_times_are_filled_in_and_the_event_s_own_win(world: World) -> None:
    source, key = world.source()
    batch = {
        "sentAt": "2026-03-01T10:00:09Z",
        "context": {"ip": "1.2.3.4", "locale": "de"},
        "integrations": {"All": True},
        "batch": [
            event(1, receivedAt="2001-01-01T00:00:00Z"),
            event(
                2,
                sentAt="2026-03-01T11:00:05+01:00",
                originalTimestamp="2026-03-01T09:59:00Z",
                context={"locale": "fr", "groupId": "g"},
            ),
            event(3, timestamp=""),
        ],
    }
    before = datetime.now(UTC)
    world.post("/v1/batch", batch, key)
    after = datetime.now(UTC)
    world.land()
    first, second, third = world.bronze(source)
    for row in (first, second, third):
        assert before <= row["received_at"].astimezone(UTC) <= after
        assert json.loads(row["payload"])["integrations"] == {"All": True}
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert first["original_timestamp"] == first["timestamp"] == at
    assert first["sent_at"] == at + timedelta(seconds=9) and second["sent_at"] == at + timedelta(seconds=5)
    assert second["original_timestamp"] == at - timedelta(minutes=1)
    assert json.loads(second["context"]) == {"groupId": "g", "ip": "1.2.3.4", "locale": "fr"}
    assert (second["group_id"], third["timestamp"], third["original_timestamp"]) == ("g", None, None)


def test_an_event_without_id_keeps_its_name_when_it_is_sent_again_and_one_without_time_is_another(world: World) -> None:
    source, key = world.source()
    timed, timeless = event(1, messageId=None), event(1, messageId=None, timestamp=None)
    for body in (timed, timed, timeless, timeless):
        world.post("/v1/track", body, key)
    world.land()
    world.post("/v1/batch", {"batch": [timeless, timeless, {**timed, "type": "track"}]}, key)
    world.land()
    names = [row["record_id"] for row in world.bronze(source)]
    # The batch: two calls that happened when they were received are two, and the timed one is another by its batch.
    assert len(names) == 7 and len(set(names)) == 5


def test_nothing_is_ever_redirected_and_refusals_speak_json(world: World) -> None:
    _, key = world.source()
    for method, path, status in [
        ("POST", "/v1/nothing", 404),
        ("POST", "/nothing", 404),
        ("POST", "//v1/batch", 404),
        ("GET", "/v1/batch", 405),
        ("PUT", "/v1/batch", 405),
        ("POST", "/health", 405),
        ("OPTIONS", "/v1/batch", 200),
        ("GET", "/health", 200),
        ("GET", "/ready", 200),
    ]:
        reply = httpx.request(method, world.collector.address + path, auth=(key, ""))
        assert reply.status_code == status and isinstance(reply.json(), dict), path
        assert status == 200 or {"code", "message"} == set(reply.json())


def test_browsers_may_send_from_anywhere_and_read_refusals(world: World) -> None:
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,anonymousid,rsa-retry-attempt",
    }
    for path in ("/v1/batch", "/v1/t", "/beacon/v1/batch", "/sourceConfig/"):
        reply = httpx.options(world.collector.address + path, headers=asked)
        assert reply.status_code == 200
        assert reply.headers["access-control-allow-origin"] == "*"
        assert reply.headers["access-control-allow-headers"] == asked["Access-Control-Request-Headers"]
    for key, status in (("nobody", 401), (world.source()[1], 200)):
        reply = world.post("/v1/track", event(1), key, headers={"Origin": "https://shop.example"})
        assert reply.status_code == status and reply.headers["access-control-allow-origin"] == "*"


def test_sdks_learn_that_they_may_send_and_that_it_is_us_they_send_to(world: World) -> None:
    source, key = world.source()
    for path in (f"/v1/projects/{key}/settings", f"/projects/{key}/settings"):
        segment = httpx.get(world.collector.address + path).json()["integrations"]["Segment.io"]
        assert f"{segment['protocol']}://{segment['apiHost']}" == f"{world.collector.address}/v1"
        assert segment["apiKey"] == key
    for how in ({"params": {"writeKey": key, "p": "npm"}}, {"auth": (key, "")}):
        config = httpx.get(f"{world.collector.address}/sourceConfig/", **how).json()["source"]
        assert (config["id"], config["enabled"], config["destinations"]) == (source, True, [])
    for path in ("/v1/projects/nobody/settings", "/sourceConfig/?writeKey=nobody", "/sourceConfig"):
        assert httpx.get(world.collector.address + path).status_code == 401


def test_a_new_key_counts_at_once_and_a_revoked_one_stops_within_seconds(world: World) -> None:
    _, key = world.source()
    assert world.post("/v1/track", event(1), key).status_code == 200
    Sources(world.catalog).revoke("acme", f"source {world.names}")
    deadline = time.monotonic() + 10
    while world.post("/v1/track", event(1), key).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_over_quota_is_429_with_retry_after_and_other_tenants_go_on(world: World) -> None:
    world.catalog.add_tenant("small")
    world.catalog.set_tenant("small", events_per_second=2)
    source, key = world.source("small")
    assert world.post("/v1/batch", {"batch": [event(n) for n in range(70)]}, key).status_code == 200
    reply = world.post("/v1/track", event(70), key)
    assert (reply.status_code, reply.json()["code"]) == (429, "over_quota")
    assert 3 <= int(reply.headers["Retry-After"]) <= 6
    assert world.post("/v1/track", event(1), world.source("other")[1]).status_code == 200
    world.land()
    assert len(world.bronze(source)) == 70


def test_a_suspended_tenant_keeps_its_data(world: World) -> None:
    world.catalog.add_tenant("late", state="suspended")
    reply = world.post("/v1/track", event(1), world.source("late")[1])
    assert reply.status_code == 429 and reply.headers["Retry-After"]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = ("type", "userId", "messageId", "timestamp", "sentAt", "context", "integrations", "properties", "writeKey")
_EVENTS = _VALUES | st.fixed_dictionaries({}, optional=dict.fromkeys((*_NAMES, "originalTimestamp"), _VALUES))


@pytest.fixture(scope="module")
def fuzzed(world: World) -> tuple[str, str, list[str]]:
    """A source, its key, and the ids of the good events that stood between fuzzed ones."""
    return (*world.source(), [])


@settings(max_examples=150)
@given(body=st.binary(max_size=80), head=st.sampled_from([b"", b"\x1f\x8b", b"{", b'{"batch":[', b"\xef\xbb\xbf{}"]))
def test_no_bytes_are_answered_with_a_failure(
    world: World, fuzzed: tuple[str, str, list[str]], head: bytes, body: bytes
) -> None:
    for path in ("/v1/batch", "/v1/t"):
        assert world.post(path, head + body, fuzzed[1]).status_code in (200, 400)


@settings(max_examples=100)
@given(events=st.lists(_EVENTS, max_size=4), around=st.dictionaries(st.sampled_from(_NAMES[3:7]), _VALUES))
def test_no_events_cost_their_neighbour_the_reply(
    world: World, fuzzed: tuple[str, str, list[str]], around: dict[str, Any], events: list[Any]
) -> None:
    _, key, marks = fuzzed
    good = event(1, messageId=f"good {len(marks)}", sentAt="2026-03-01T10:00:00Z", context={}, integrations={})
    assert world.post("/v1/batch", {**around, "batch": [*events, good]}, key).status_code == 200
    marks.append(good["messageId"])


def test_nor_its_place_in_bronze(world: World, fuzzed: tuple[str, str, list[str]]) -> None:
    source, key, marks = fuzzed
    world.post("/v1/track", event(1, messageId="last"), key)
    assert not world.land().kept
    assert {"last", *marks} <= {row["record_id"] for row in world.bronze(source, "record_id, file, line")}


def test_the_log_names_no_key_and_nothing_that_was_sent(world: World) -> None:
    _, key = world.source()
    world.post("/v1/track", event(1, properties={"secret": "of-a-person"}), key)
    world.post("/v1/track", event(1, properties={"secret": "of-a-person"}), "key-of-nobody")
    log = world.collector.log.read_text()
    assert log and not any(word in log for word in (key, "of-a-person", "key-of-nobody", "Traceback"))
