"""From an SDK's request to a published figure: `tenure collector serve`, `tenure run`, `tenure sql`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from tests.collector.world import World, event, start

pytestmark = pytest.mark.slow


def tenure(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_run_publishes_what_a_running_collector_acknowledged_before_it(own_world: World, tmp_path: Path) -> None:
    _, key = own_world.source()
    own_world.collector = start(tmp_path)
    try:
        for n in range(6):
            assert own_world.post("/v1/track", event(n), key).status_code == 200
        told = tenure("run")
        assert told.exit_code == 0, told.output
        assert "6 events of 6 requests" in told.output
        sql = "SELECT sum(events)::INT AS events, max(wau) AS users FROM marts.fct_product_engagement_daily"
        answer = tenure("sql", sql, "--tenant", "acme", "--format", "json")
        assert json.loads(answer.stdout) == [{"events": 6, "users": 3}]
        assert own_world.post("/v1/track", event(6), key).status_code == 200
    finally:
        own_world.collector.kill()
    # What a killed collector left behind is landed by the next run.
    assert "1 events of 1 requests" in tenure("run").output
    answer = tenure("sql", "SELECT count(*) AS n FROM marts.fct_events", "--tenant", "acme", "--format", "json")
    assert json.loads(answer.stdout) == [{"n": 7}]
