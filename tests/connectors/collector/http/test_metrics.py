"""Prometheus reads from a running collector what it takes, refuses and waits for, and nobody else reads it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.collector.http.metrics import Metrics
from tests.support.worlds.collector import ROOT, TENURE, World, event, start
from warehouse_models.errors import TenureError

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    parsed = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in parsed}


@pytest.fixture
def scraped(own_world: World, tmp_path: Path) -> tuple[World, str, str]:
    """(a world whose collector serves metrics, its source, the key)."""
    source, key = own_world.source()
    own_world.collector = start(tmp_path, arguments=("--metrics-port", "0"))
    return own_world, source, key


def read(world: World) -> Samples:
    address = re.search(r"metrics on (\S+)", world.collector.log.read_text())
    assert address is not None
    return samples(httpx.get(address[1]).text)


def test_what_was_acknowledged_is_counted_by_tenant_and_source(scraped: tuple[World, str, str]) -> None:
    world, source, key = scraped
    assert world.post("/v1/batch", {"batch": [event(1), event(2)]}, key).status_code == 200
    assert world.post("/v1/track", b'{"event":"x"}', key).status_code == 200
    assert world.post("/v1/track", event(3), "nobody's key").status_code == 401
    assert world.post("/v1/track", b"{", key).status_code == 400
    values = read(world)
    whose = (("source", source), ("tenant", "acme"))
    assert values["tenure_collector_events_total", whose] == 3
    assert values["tenure_collector_refused_total", (("code", "unauthorized"),)] == 1
    assert values["tenure_collector_refused_total", (("code", "bad_json"),)] == 1
    for status, count in (("200", 2), ("401", 1), ("400", 1)):
        assert values["tenure_collector_requests_total", (("endpoint", "collect"), ("status", status))] == count
    # Two requests reached the disk, in one group or in two.
    assert values["tenure_collector_journal_sync_requests_sum", ()] == 2
    assert values["tenure_collector_journal_segments", ()] == 1
    assert values["tenure_collector_journal_bytes", ()] > values["tenure_collector_event_bytes_total", whose] > 13
    assert 0 <= values["tenure_collector_catalog_age_seconds", ()] < 60
    assert values["tenure_collector_waiting_bytes", ()] == values["tenure_collector_request_bytes", ()] == 0
    world.land()
    assert read(world)["tenure_collector_journal_segments", ()] == 0


def test_neither_metrics_nor_logs_hold_a_key_or_what_was_sent(scraped: tuple[World, str, str]) -> None:
    world, _, key = scraped
    world.post("/v1/track", event(1, properties={"secret": "payload"}), key)
    world.post("/v1/track", event(1), "wrong-key")
    world.post(f"/v1/track?writeKey={key}", b"{payload")
    metrics = httpx.get(re.search(r"metrics on (\S+)", world.collector.log.read_text())[1]).text  # type: ignore[index]
    assert world.collector.stop() == 0
    for text in (metrics, world.collector.log.read_text()):
        assert not re.search(f"{key}|wrong-key|payload", text)


def test_the_tracking_api_tells_the_world_no_metrics(scraped: tuple[World, str, str]) -> None:
    world, _, _ = scraped
    assert world.client.get(world.collector.address + "/metrics").status_code == 404


def test_a_metrics_port_that_is_taken_is_named_and_nothing_starts(own_world: World) -> None:
    taken = Metrics().serve("127.0.0.1", 0)
    with pytest.raises(TenureError, match=f"port {taken} of 127.0.0.1"):
        Metrics().serve("127.0.0.1", taken)
    process = subprocess.run(
        [*TENURE, "collector", "serve", "--port", "0", "--metrics-port", str(taken)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 2 and "--metrics-port" in process.stderr
