"""The services in the background. A small server stands in for Superset; the real one is started in tests/browser."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from dashboards import environment
from orchestration.services import processes, services
from warehouse_models.catalog.sources import Sources
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

HEALTHY = """
import http.server, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


@pytest.fixture
def stand_in(tenure_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("TENURE_SUPERSET_PORT", "0")
    # The caller's proxy must not stand between us and our own machine.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    runs(monkeypatch, HEALTHY)
    yield monkeypatch
    services.down()


def runs(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    def command(home: Path, port: int) -> tuple[list[str], dict[str, str]]:
        return [sys.executable, "-c", code, str(port)], dict(os.environ)

    monkeypatch.setattr(environment, "server_command", command)


def superset() -> services.Status:
    return next(each for each in services.status() if each.name == services.SUPERSET)


def test_superset_starts_once_is_told_with_its_address_and_stops(
    stand_in: pytest.MonkeyPatch, tenure_home: Path
) -> None:
    url = services.up_superset()
    status = superset()
    assert (status.state, status.url) == ("running", url)
    assert status.log == str(tenure_home / "logs" / "superset.log")
    assert services.address(services.SUPERSET) == url
    assert services.up_superset() == url
    assert superset().pid == status.pid
    assert services.down() == [services.SUPERSET]
    assert services.down() == []
    assert (superset().state, services.address(services.SUPERSET)) == ("stopped", "")


def test_superset_whose_port_nobody_knows_any_more_is_started_anew(
    stand_in: pytest.MonkeyPatch, tenure_home: Path
) -> None:
    services.up_superset()
    first = superset().pid
    (tenure_home / "run" / "ports.json").unlink()
    assert superset().state == "not answering"
    url = services.up_superset()
    assert superset().pid != first
    assert (superset().state, superset().url) == ("running", url)


def test_superset_that_is_not_set_up_is_refused_with_a_next_step(
    tenure_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENURE_SUPERSET_PORT", "0")
    with pytest.raises(TenureError, match="not set up") as refused:
        services.up_superset()
    assert "tenure up" in refused.value.next_step
    assert superset().state == "stopped"


def test_a_taken_port_is_told_with_the_setting_that_chooses_another(stand_in: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        stand_in.setenv("TENURE_SUPERSET_PORT", str(taken.getsockname()[1]))
        with pytest.raises(TenureError) as refused:
            services.up_superset()
    assert "TENURE_SUPERSET_PORT=" in refused.value.next_step
    assert processes.running(services.SUPERSET) is None


def test_superset_that_dies_while_starting_is_told_with_its_last_words(stand_in: pytest.MonkeyPatch) -> None:
    runs(stand_in, "raise SystemExit('no secret key')")
    with pytest.raises(TenureError, match="no secret key"):
        services.up_superset()


def test_ports_remembered_at_once_are_all_remembered(tenure_home: Path) -> None:
    """The demo starts Superset beside Dagster."""
    names = [f"service-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: services.remember_ports({name: 1}), names))
    assert services.remembered_ports() == dict.fromkeys(names, 1)


def test_the_collector_starts_once_takes_events_and_is_told_with_its_address(
    tenure_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("TENURE_COLLECTOR_PORT", "TENURE_METRICS_PORT"):
        monkeypatch.setenv(variable, "0")
    catalog = Catalog(Lake())
    catalog.add_tenant("acme")
    _, key = Sources(catalog).add("acme", "web")
    try:
        url = services.up_collector()
        assert services.up_collector() == url
        status = next(each for each in services.status() if each.name == services.COLLECTOR)
        assert (status.state, status.url) == ("running", url)
        assert httpx.post(f"{url}/v1/track", auth=(key, ""), json={"event": "x", "userId": "u"}).status_code == 200
        assert "tenure_collector_events_total" in httpx.get(services.metrics_url()).text
        assert services.down() == [services.COLLECTOR]
        assert services.metrics_url() == ""
    finally:
        services.down()
    # Stopped politely: its segment is closed, and waits for the lander.
    assert [path.suffix for path in (tenure_home / "journal" / "0").glob("*-*")] == [".log"]


def test_a_collector_whose_default_port_is_taken_gives_way_only_where_nobody_chose_the_port(
    tenure_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TENURE_COLLECTOR_PORT", raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert services.free_port("TENURE_COLLECTOR_PORT", port, "the collector", give_way=True) != port
        with pytest.raises(TenureError, match=f"port {port} of the collector"):
            services.free_port("TENURE_COLLECTOR_PORT", port, "the collector", give_way=False)
        monkeypatch.setenv("TENURE_COLLECTOR_PORT", str(port))
        with pytest.raises(TenureError, match=f"port {port} of the collector"):
            services.free_port("TENURE_COLLECTOR_PORT", 8080, "the collector", give_way=True)
