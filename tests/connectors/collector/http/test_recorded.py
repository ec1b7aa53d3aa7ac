"""The recorded traffic of real SDKs, sent again to a running collector: every event in bronze once, in silver once."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SAMPLES, need
from tests.support.lakes import silver
from tests.support.worlds.collector import World, start
from transforms.runner import run_transforms
from warehouse_models.catalog.sources import Sources

TRAFFIC = SAMPLES.parent / "sdk_traffic"
FILES = ("rudder_node", "segment_node", "segment_node_retry", "segment_python")


def recorded(name: str) -> list[dict[str, Any]]:
    path = TRAFFIC / f"{name}.jsonl"
    need("SAMPLES", path.exists(), f"the recording {name} is not here: {TRAFFIC.name} stands beside the checkout")
    return [json.loads(line) for line in path.read_text().splitlines()]


def body_of(request: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The body as it went over the wire, and what it said."""
    raw = base64.b64decode(request["body_b64"])
    return raw, json.loads(gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw)


def key_of(request: dict[str, Any]) -> str:
    head = {name.lower(): value for name, value in request["headers"].items()}
    return base64.b64decode(head["authorization"].partition(" ")[2]).decode().partition(":")[0]


@pytest.mark.parametrize("name", FILES)
def test_a_recording_sent_again_lands_every_event_once(own_world: World, tmp_path: Path, name: str) -> None:
    requests = recorded(name)
    for key in {key_of(request) for request in requests}:
        Sources(own_world.catalog).add("acme", key.replace("_", " "), key)
    own_world.collector = start(tmp_path)
    sent: list[dict[str, Any]] = []
    for request in requests:
        raw, body = body_of(request)
        headers = {k: v for k, v in request["headers"].items() if k.lower() not in ("host", "content-length")}
        reply = own_world.client.request(
            request["method"], own_world.collector.address + request["path"], content=raw, headers=headers
        )
        assert (reply.status_code, reply.json()) == (200, {"success": True})
        # Two of the recorded calls were made twice with one id and one content: in one request that is one copy.
        distinct = {json.dumps(each, sort_keys=True): each for each in body["batch"]}
        sent += [{"sentAt": body["sentAt"], **each} for each in distinct.values()]
    assert own_world.collector.stop() == 0
    report = own_world.land()
    assert (report.requests, report.accepted, report.quarantined) == (len(requests), len(sent), 0)

    # Independently of the code that fills in: whatever the SDK said of an event stands in bronze, once a delivery.
    landed = [json.loads(row["payload"]) for row in own_world.bronze()]
    filled = ("receivedAt", "originalTimestamp")
    assert texts(landed, *filled) == texts(sent, *filled)
    for each in landed:
        assert each["originalTimestamp"] and each["receivedAt"] and "writeKey" not in each

    run_transforms(own_world.lake, "pool")
    (ids,) = zip(*silver(own_world.lake, "silver/product/events", "message_id"), strict=True)
    assert Counter(ids) == Counter(dict.fromkeys({each["messageId"] for each in sent}, 1))


def texts(events: list[dict[str, Any]], *without: str) -> Counter[str]:
    plain: Callable[[dict[str, Any]], str] = lambda each: json.dumps(  # noqa: E731
        {name: value for name, value in each.items() if name not in without}, sort_keys=True
    )
    return Counter(map(plain, events))
