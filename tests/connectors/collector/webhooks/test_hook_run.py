"""Webhooks in a whole run: landed, metered, held to the rules of bronze, and named in the run's report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.connectors.collector.http.test_metrics import read
from tests.connectors.collector.landing.test_run import tenure
from tests.connectors.collector.webhooks.test_hooks import deliver, hook_of
from tests.support.vendors import body_of, hubspot_event
from tests.support.worlds.collector import World, event, start

pytestmark = pytest.mark.slow


def test_a_run_lands_deliveries_meters_them_and_publishes_their_tenant(own_world: World, tmp_path: Path) -> None:
    _, key = own_world.source()
    own_world.collector = start(tmp_path, arguments=("--metrics-port", "0"))
    stripe, hubspot = hook_of(own_world, "stripe"), hook_of(own_world, "hubspot")
    first, second = body_of("stripe", 1), json.dumps([hubspot_event(n) for n in range(3)]).encode()
    assert own_world.post("/v1/track", event(1), key).status_code == 200
    for hook, body in ((stripe, first), (hubspot, second)):
        assert deliver(own_world, hook, body).status_code == 200
    assert deliver(own_world, stripe, first + b" ", secret="whsec_another").status_code == 401
    metrics = read(own_world)
    whose = {hook: (("source", hook.hook_id), ("tenant", "acme")) for hook in (stripe, hubspot)}
    assert metrics["tenure_collector_events_total", whose[hubspot]] == 3
    assert metrics["tenure_collector_event_bytes_total", whose[stripe]] == len(first)
    assert metrics["tenure_collector_refused_total", (("code", "bad_signature"),)] == 1
    result = tenure("run")
    assert result.exit_code == 0, result.output
    assert "1 events of 3 requests" in result.output
    assert "webhooks: 4 deliveries, 0 known already, 3 records to fetch" in result.output
    sql = "SELECT source_id, requests::INT AS r, events::INT AS e, bytes::INT AS b FROM marts.fct_usage_metering"
    answer = tenure("sql", sql, "--tenant", "acme", "--format", "json")
    metered = {row["source_id"]: (row["r"], row["e"], row["b"]) for row in json.loads(answer.stdout)}
    assert metered[stripe.hook_id] == (1, 1, len(first)) and metered[hubspot.hook_id] == (1, 3, len(second))
    own_world.collector.kill()
