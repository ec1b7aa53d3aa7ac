"""What the mobile SDKs write on a socket, byte for byte: no header names the key, bodies come packed and in pieces."""

from __future__ import annotations

import gzip
import json
import socket
from urllib.parse import urlsplit

from tests.support.worlds.collector import World, event


def sent(world: World, raw: list[bytes]) -> bytes:
    """The reply to a request that is written piece by piece."""
    at = urlsplit(world.collector.address)
    assert at.hostname and at.port
    with socket.create_connection((at.hostname, at.port), timeout=20) as connection:
        for piece in raw:
            connection.sendall(piece)
        heard = b""
        while part := connection.recv(65536):
            heard += part
    return heard


def test_react_native_names_its_key_in_the_body_alone(world: World) -> None:
    source, key = world.source()
    body = json.dumps({"batch": [event(n) for n in range(3)], "sentAt": "2026-03-01T10:00:05Z", "writeKey": key})
    head = "POST /v1/b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n"
    reply = sent(world, [f"{head}Content-Length: {len(body)}\r\n\r\n".encode(), body.encode()])
    assert reply.startswith(b"HTTP/1.1 200") and reply.endswith(b'{"success":true}')
    world.land()
    rows = world.bronze(source)
    assert [row["record_id"] for row in rows] == ["m0", "m1", "m2"]
    assert not any(key in row["payload"] for row in rows)


def test_kotlin_sends_gzip_in_chunks_and_calls_it_text(world: World) -> None:
    source, key = world.source()
    settings = world.client.get(f"{world.collector.address}/v1/projects/{key}/settings").json()
    host = settings["integrations"]["Segment.io"]["apiHost"]
    batch = {"batch": [event(n, properties={"text": "世界" * n}) for n in range(40)], "writeKey": key}
    packed = gzip.compress(json.dumps({**batch, "sentAt": "2026-03-01T10:00:05.123Z"}).encode())
    pieces = [packed[start : start + 97] for start in range(0, len(packed), 97)]
    head = f"POST /{host.partition('/')[2]}/b HTTP/1.1\r\nHost: {host.partition('/')[0]}\r\n"
    head += (
        "Content-Type: text/plain\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    reply = sent(world, [head.encode(), *chunks, b"0\r\n\r\n"])
    assert reply.startswith(b"HTTP/1.1 200") and reply.endswith(b'{"success":true}')
    world.land()
    rows = world.bronze(source)
    assert sorted(row["record_id"] for row in rows) == sorted(f"m{n}" for n in range(40))
    assert world.refused(source) == []


def test_a_connection_that_ends_within_a_body_leaves_nothing_and_the_same_body_again_lands_once(world: World) -> None:
    source, key = world.source()
    body = gzip.compress(json.dumps({"batch": [event(n) for n in range(5)], "writeKey": key}).encode())
    head = b"POST /v1/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    at = urlsplit(world.collector.address)
    assert at.hostname and at.port
    with socket.create_connection((at.hostname, at.port), timeout=20) as connection:
        connection.sendall(head + b"%x\r\n%b\r\n" % (len(body), body))  # all of it, but not its end
    reply = sent(world, [head, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)])
    assert reply.startswith(b"HTTP/1.1 200")
    world.land()
    assert [row["record_id"] for row in world.bronze(source)] == [f"m{n}" for n in range(5)]
