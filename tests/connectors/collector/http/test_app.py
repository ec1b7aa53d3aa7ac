"""The application inside one process: what no client can bring about from outside is answered as well."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.testclient import TestClient

from connectors.collector.app import make_app
from connectors.collector.http.keys import Keys
from connectors.collector.http.metrics import Metrics
from connectors.collector.journal.journal import Journal
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

ORIGIN = {"Origin": "https://app.example.com"}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    folder = tmp_path / "journal"
    folder.mkdir()
    return Journal(folder)


@pytest.fixture
def client(tenure_home: Path, metrics: Metrics, journal: Journal) -> Iterator[TestClient]:
    """A client to which an error would be raised that the application raises into its server."""
    lake = Lake()
    Catalog(lake).add_tenant("acme")
    with TestClient(make_app(lake, journal, metrics), raise_server_exceptions=True) as made:
        yield made


def answered(metrics: Metrics, endpoint: str, status: int) -> float | None:
    return metrics.registry.get_sample_value(
        "tenure_collector_requests_total", {"endpoint": endpoint, "status": str(status)}
    )


def test_an_error_that_nobody_foresaw_is_503_for_browsers_too_counted_and_tells_nothing_of_its_text(
    client: TestClient, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(self: Keys, key: str | None) -> Any:
        raise ValueError("what the client sent")

    monkeypatch.setattr(Keys, "writer", fail)
    monkeypatch.setattr(logging.getLogger("tenure.collector"), "level", logging.INFO)
    reply = client.post("/v1/track", json={}, headers=ORIGIN, auth=("key", ""))
    assert (reply.status_code, reply.json()) == (503, {"code": "failed", "message": ""})
    assert reply.headers["Content-Type"] == "application/json" and reply.headers["Retry-After"] == "5"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert answered(metrics, "collect", 503) == 1
    assert [(record.message, record.error, record.path) for record in caplog.records] == [  # type: ignore[attr-defined]
        ("failed", "ValueError", "collect")
    ]
    assert "what the client sent" not in caplog.text


def test_a_client_that_goes_away_is_counted_and_is_no_failure(
    client: TestClient, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def gone(self: Request[Any]) -> AsyncIterator[bytes]:
        raise ClientDisconnect
        yield b""

    monkeypatch.setattr(Request, "stream", gone)
    assert client.post("/v1/track", json={}).status_code == 400
    assert answered(metrics, "collect", 400) == 1
    assert not caplog.records


def test_only_what_an_endpoint_answers_is_counted_under_its_name(client: TestClient, metrics: Metrics) -> None:
    assert client.get("/health").status_code == 200
    assert client.post("/health").status_code == 405
    assert client.get("/nothing").status_code == 404
    assert client.options("/health", headers={**ORIGIN, "Access-Control-Request-Method": "GET"}).status_code == 200
    counted = [s.labels for m in metrics.registry.collect() if m.name == "tenure_collector_requests" for s in m.samples]
    assert {(labels["endpoint"], labels["status"]) for labels in counted} == {("health", "200")}


def test_the_journal_is_given_back_when_the_application_ends(
    tenure_home: Path, metrics: Metrics, journal: Journal
) -> None:
    lake = Lake()
    Catalog(lake).add_tenant("acme")
    with TestClient(make_app(lake, journal, metrics)) as client:
        assert client.get("/ready").status_code == 200
    Journal(journal.folder).close()
