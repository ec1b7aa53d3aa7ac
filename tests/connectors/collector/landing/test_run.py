"""From an SDK's request to a published figure: `tenure collector serve`, `tenure run`, `tenure sql`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connectors.collector.http.messages import Message
from connectors.collector.journal.frames import frame
from connectors.contracts.times import now_micros
from orchestration.cli import app
from tests.support.worlds.collector import World, event, start
from warehouse_models import home

pytestmark = pytest.mark.slow


def tenure(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_run_publishes_what_a_running_collector_acknowledged_before_it(own_world: World, tmp_path: Path) -> None:
    _, key = own_world.source()
    own_world.collector = start(tmp_path)
    try:
        for n in range(6):
            assert own_world.post("/v1/track", event(n), key).status_code == 200
        result = tenure("run")
        assert result.exit_code == 0, result.output
        assert "6 events of 6 requests" in result.output
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


def lag(tenant: str = "acme") -> tuple[int | None, int | None]:
    """(lag in the tenant's own file, lag in gold Delta over all tenants), seconds."""
    sql = "SELECT max_by(event_lag_seconds, published_version)::INT AS lag FROM marts.trust WHERE tenant_id = 'acme'"
    own, every = (tenure("sql", sql, *whose, "--format", "json") for whose in (("--tenant", tenant), ()))
    assert own.exit_code == 0 and every.exit_code == 0, own.output + every.output
    return json.loads(own.stdout)[0]["lag"], json.loads(every.stdout)[0]["lag"]


def test_trust_tells_how_long_the_longest_waiting_event_of_a_publication_had_waited(own_world: World) -> None:
    source, _ = own_world.source()
    started = now_micros()

    def take(number: int, waited: int) -> None:
        """An event that was received `waited` seconds before the test began."""
        folder = home.journal_root() / "0"
        folder.mkdir(parents=True, exist_ok=True)
        at = started - waited * 1_000_000
        body = json.dumps(event(number)).encode()
        (folder / f"writer-{number:08d}.log").write_bytes(frame(Message(at, "acme", source, "track", body).to_bytes()))

    def run() -> float:
        result = tenure("run")
        assert result.exit_code == 0, result.output
        return (now_micros() - started) / 1_000_000

    take(1, waited=1_000)
    take(2, waited=100)
    ended = run()
    # The longest wait counts: a thousand seconds, and what this test took until it was published.
    assert 1_000 <= lag()[0] <= 1_000 + ended and lag()[0] == lag()[1]  # type: ignore[operator]
    take(3, waited=200)
    ended = run()
    # Not the thousand again: that event was published before.
    assert 200 <= lag()[0] <= 200 + ended and lag()[0] == lag()[1]  # type: ignore[operator]
    measured = lag()
    assert tenure("tenant", "set", "acme", "trend_min_events=9").exit_code == 0
    run()
    # A publication that brings no event leaves the last measure.
    assert lag() == measured
