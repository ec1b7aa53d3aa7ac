"""Whatever bytes come, from whatever client: no failure, no trace in the log, no good event lost beside them."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.worlds.collector import World, event, start

pytestmark = pytest.mark.campaign


PATHS = ("/v1/batch", "/v1/t", "/v1/identify", "/beacon/v1/batch")
FIELDS = (*event(0), "anonymousId", "previousId", "groupId", "name", "sentAt", "originalTimestamp", "receivedAt")
FIELDS = (*FIELDS, "context", "integrations", "properties", "traits", "channel", "writeKey", "_metadata", "\ud83d")


class Marked:
    """A source, and the good events that were acknowledged: all of them have to be in bronze at the end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.source, self.key = world.source()
        self.ids: list[str] = []

    def good(self) -> dict[str, Any]:
        made = event(1, messageId=f"good {len(self.ids)}", sentAt="2026-03-01T10:00:00Z", context={}, integrations={})
        self.ids.append(made["messageId"])
        return made

    def sends_on(self) -> None:
        """A good event, on the connection that carried the odd request."""
        reply = self.world.post("/v1/track", self.good(), self.key)
        assert (reply.status_code, reply.content) == (200, b'{"success":true}')


@pytest.fixture(scope="module")
def marked(world: World) -> Iterator[Marked]:
    made = Marked(world)
    yield made
    report = world.land()
    record_ids = {row["record_id"] for row in world.bronze(made.source, "record_id, file, line")}
    lost = set(made.ids) - record_ids
    refused = [row for row in world.refused(made.source) if any(each in row["payload"] for each in lost)]
    assert not report.kept and len(made.ids) > 100 and not lost, [
        (row["reason"], row["payload"][:300]) for row in refused
    ]
    log = world.collector.log.read_text()
    assert "Traceback" not in log and '"failed"' not in log and made.key not in log


def whole() -> bytes:
    """A batch as an SDK sends it."""
    return json.dumps({"batch": [event(n, properties={"a": [1, {"b": "ü"}]}) for n in range(3)], "sentAt": ""}).encode()


_EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "drop", "insert", "double"]),
        st.integers(0, 2**16),
        st.integers(0, 7),
        st.binary(max_size=6) | st.sampled_from([b"\0", b'"', b"{", b"]", b"\\u", b"\xed\xa0\x80", b"\xff", b"1e999"]),
    ),
    min_size=1,
    max_size=6,
)


def mutated(body: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    """A body with bits flipped, its end cut off, bytes dropped, put in or said twice."""
    for kind, where, bit, more in edits:
        at = where % (len(body) + 1)
        if kind == "flip" and at < len(body):
            body = body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :]
        elif kind == "cut":
            body = body[:at]
        elif kind == "drop":
            body = body[:at] + body[at + 1 + bit :]
        elif kind == "insert":
            body = body[:at] + more + body[at:]
        elif kind == "double":
            body = body[:at] + body[at : at + 20] + body[at:]
    return body


@settings(max_examples=200)
@given(path=st.sampled_from(PATHS), edits=_EDITS, is_packed=st.booleans(), edits_packed=st.just([]) | _EDITS)
def test_a_body_that_was_damaged_on_its_way_is_taken_or_refused_and_never_a_failure(
    marked: Marked, path: str, edits: list[Any], is_packed: bool, edits_packed: list[Any]
) -> None:
    body = mutated(whole(), edits)
    if is_packed:
        body = mutated(gzip.compress(body), edits_packed)
    reply = marked.world.post(path, body, marked.key)
    assert reply.status_code in (200, 400, 413)
    assert reply.status_code == 200 or {"code", "message"} == set(reply.json())
    marked.sends_on()


_SCALARS = st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats()
# Half characters too, and the null character.
_TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
_VALUES = st.recursive(
    _SCALARS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(
    bad=st.lists(_VALUES | st.dictionaries(st.sampled_from(FIELDS), _VALUES), max_size=4),
    around=st.dictionaries(st.sampled_from(["sentAt", "context", "integrations", "writeKey", "type", "x"]), _VALUES),
)
def test_a_batch_with_any_type_in_any_field_is_taken_and_the_good_event_in_it_lands(
    marked: Marked, bad: list[Any], around: dict[str, Any]
) -> None:
    # The head names the key: a writeKey of the wrong type in the body counts for nothing.
    body = {**around, "batch": [*bad, marked.good(), *bad]}
    assert marked.world.post("/v1/batch", body, marked.key).status_code == 200


# What stands in a JSON text and not in the values that a program makes of it.
TEXTS = {
    "levels beyond any reader's": '{"x":' + "[" * 50_000 + "]" * 50_000 + "}",
    "levels just beyond orjson's": '{"x":' + '{"y":' * 1_025 + "1" + "}" * 1_025 + "}",
    "levels just beyond the collector's": '{"x":' + "[" * 1_010 + "]" * 1_010 + "}",
    "levels, and what else is broken in them": '{"x":' + "[" * 3_000 + 'NaN,"\\ud83d","]"' + "]" * 3_000 + "}",
    "an integer of a million digits": '{"n":' + "9" * 1_000_000 + "}",
    "an integer that Python refuses to read": '{"n":-' + "9" * 4_301 + "}",
    "a fraction of many digits": '{"n":0.' + "1" * 5_000 + "e-400}",
    "infinities": '{"n":[1e999,-1e999,Infinity,-Infinity,NaN]}',
    "half characters": '{"\\ud83d":"\\udc00","\\udfff":{}}',
    "a name twice": '{"type":"track","type":7,"userId":"a","userId":null,"event":"x","context":{},"context":1}',
    "the names of Python and JavaScript": '{"__proto__":{},"constructor":null,"__class__":"x","toString":0}',
    "ten thousand names": "{" + ",".join(f'"n{n}":{n}' for n in range(10_000)) + "}",
    "nothing": "{}",
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "gzip"])
def test_what_json_can_say_and_no_value_can_costs_its_own_event_alone(
    marked: Marked, text: str, is_packed: bool
) -> None:
    body = f'{{"batch":[{json.dumps(marked.good())},{TEXTS[text]},{json.dumps(marked.good())}]}}'.encode()
    body = gzip.compress(body) if is_packed else body
    assert marked.world.post("/v1/batch", body, marked.key).status_code == 200
    marked.sends_on()


def test_an_event_too_deep_to_read_is_quarantined_with_all_that_it_said(world: World) -> None:
    source, key = world.source()
    bad = TEXTS["levels, and what else is broken in them"]
    for path, body in (("/v1/batch", f'{{"batch":[{bad},{json.dumps(event(1))}]}}'), ("/v1/track", bad)):
        assert world.post(path, body.encode(), key).status_code == 200
    world.land()
    assert [row["record_id"] for row in world.bronze(source)] == ["m1"]
    for row in world.refused(source):
        assert row["reason"].partition(":")[0] == "too_deep"
        # The levels that no reader takes are there as text.
        assert row["payload"].count("[") == 3_000 and "NaN" in row["payload"]
    assert len(world.refused(source)) == 2


def test_a_context_too_deep_to_read_stops_no_lander(world: World) -> None:
    source, key = world.source()
    deep = "[" * 2_000 + "]" * 2_000
    for around in (f'"context":{{"x":{deep}}},', f'"x":{deep},', f'"integrations":{{"x":{deep[500:-500]}}},'):
        body = f"{{{around}" + f'"batch":[{json.dumps(event(1))}]}}'
        assert world.post("/v1/batch", body.encode(), key).status_code == 200
    assert world.post("/v1/track", event(2), key).status_code == 200
    assert not world.land().kept
    rows = world.bronze(source)
    assert {"m1", "m2"} == {row["record_id"] for row in rows} and world.refused(source) == []


def test_a_context_of_the_batch_that_cannot_be_written_costs_no_event(world: World) -> None:
    source, key = world.source()
    around = b'"context":{"page":"cut \\ud83d"},"integrations":{"All":true},'
    body = b"{" + around + b'"batch":[' + json.dumps(event(1, context={"groupId": "g"})).encode() + b"]}"
    assert world.post("/v1/batch", body, key).status_code == 200
    world.land()
    (row,) = world.bronze(source)
    payload = json.loads(row["payload"])
    assert (payload["context"], payload["integrations"]) == ({"groupId": "g"}, {"All": True})


def exchange(address: str, request: bytes, *, seconds: float = 10) -> bytes:
    """What a server says to these bytes, until it closes or is silent for a moment after it said something."""
    said = b""
    with closing(socket.create_connection((urlsplit(address).hostname, urlsplit(address).port), seconds)) as wire:
        try:
            wire.sendall(request)
            wire.shutdown(socket.SHUT_WR)
            while part := wire.recv(65_536):
                said += part
        except (ConnectionError, TimeoutError):
            pass
    return said


_HEADS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Authorization", "Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Expect"]
            + ["Upgrade", "Connection", "Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"]
            + ["Host", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Cookie", "Trailer", "TE", "x" * 300, ""]
        ).map(str.encode),
        st.binary(max_size=30)
        | st.sampled_from([b"chunked", b"gzip, br", b"identity", b"upgrade", b"h2c", b"websocket", b"-1", b"close"])
        | st.sampled_from([b"99999999999999999999", b"100-continue", b"Basic", b"Basic \xff", b"Basic Og==", b"POST"]),
    ),
    max_size=5,
)
_TARGETS = st.sampled_from([b"/v1/batch", b"/v1/t?writeKey=%", b"/v1/%2e%2e/x", b"*", b"//", b"/%ff%00", b"/v1/"])
_TARGETS |= st.binary(min_size=1, max_size=20) | st.sampled_from([b"/sourceConfig?writeKey=\xff", b"http://[x/v1/t"])
_METHODS = st.sampled_from([b"POST", b"GET", b"OPTIONS", b"PUT", b"HEAD", b"CONNECT", b"PRI", b"TRACE", b"post", b""])


@settings(max_examples=200)
@given(method=_METHODS, target=_TARGETS, heads=_HEADS, body=st.binary(max_size=40))
def test_no_head_of_a_request_is_answered_with_a_failure(
    marked: Marked, method: bytes, target: bytes, heads: list[tuple[bytes, bytes]], body: bytes
) -> None:
    lines = [method + b" " + target + b" HTTP/1.1", *(name + b": " + value for name, value in heads)]
    said = exchange(marked.world.collector.address, b"\r\n".join(lines) + b"\r\n\r\n" + body)
    statuses = [line.split()[1] for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert all(status[:1] in b"1234" for status in statuses), said
    marked.sends_on()


@pytest.mark.parametrize("asked", ["websocket", "h2c"])
def test_a_request_that_offers_another_protocol_is_taken_as_what_it_is(world: World, asked: str) -> None:
    """Java's own HTTP client offers h2c with each request over plain HTTP."""
    source, key = world.source()
    head = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": asked, "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABk"}
    for n in range(3):
        assert world.post("/v1/track", event(n), key, headers=head).status_code == 200
    world.land()
    assert len(world.bronze(source)) == 3


SLOW = "import connectors.collector.http.connection as patient\npatient.READ_SECONDS = 1.5"


def test_who_sends_a_byte_now_and_then_is_cut_off_and_who_sends_steadily_is_served(
    own_world: World, tmp_path: Path
) -> None:
    """The time is set shorter here; the clients cannot tell."""
    source, key = own_world.source()
    own_world.collector = start(tmp_path, first=SLOW)
    body = json.dumps(event(1)).encode()
    head = f"POST /v1/track?writeKey={key} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    chunked = head.replace(f"Content-Length: {len(body)}".encode(), b"Transfer-Encoding: chunked")
    ends: dict[str, float] = {}

    def trickle(name: str, first: bytes, then: bytes) -> None:
        begin = time.monotonic()
        with closing(socket.create_connection(("127.0.0.1", urlsplit(own_world.collector.address).port), 10)) as wire:
            try:
                wire.sendall(first)
                for n in range(100):
                    if then:
                        wire.sendall(then[n % len(then) :][:1])
                    wire.settimeout(0.1)
                    try:
                        if not wire.recv(1000):
                            break
                    except TimeoutError:
                        continue
            except ConnectionError:
                pass
        ends[name] = time.monotonic() - begin

    clients = {
        "says nothing": (b"", b""),
        "never ends its head": (b"POST /v1/track HTTP/1.1\r\n", b"X-More: x\r\n"),
        "a body of a byte at a time": (head.replace(str(len(body)).encode(), b"5000"), body),
        "chunks of a byte": (chunked, b"1\r\n{\r\n1\r\n \r\n"),
        "a second request that does not end": (head + body + head, b""),
        "a refused request that does not end": (head.replace(key.encode(), b"nobody")[:-2] + b"\r\n", b" "),
    }
    threads = [threading.Thread(target=trickle, args=(name, *sent)) for name, sent in clients.items()]
    for thread in threads:
        thread.start()
    # Meanwhile: one connection, longer than the limit, a request now and then.
    for n in range(15):
        assert own_world.post("/v1/track", event(10 + n), key).status_code == 200
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    assert set(ends) == set(clients) and all(1 < seconds < 6 for seconds in ends.values()), ends
    assert own_world.collector.stop() == 0
    own_world.land()
    assert {row["record_id"] for row in own_world.bronze(source)} == {"m1", *(f"m{10 + n}" for n in range(15))}
    assert "Traceback" not in own_world.collector.log.read_text()
