"""One real Superset a run: booted on a published world, its dashboards pushed, users bound to tenants.

The world is a TENURE_HOME with published files and a manifest (support/worlds/serving.py): the same interface as the
home that `tenure run` leaves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboards import administration
from dashboards.administration import User
from dashboards.bundle import identity
from dashboards.files import Assets
from orchestration.services import services
from tests.conftest import ROOT
from tests.support.worlds import serving as world

PASSWORD = "a-password-of-this-test-only"
OPERATOR, EXECUTIVE, NEIGHBOUR, ANALYST, BOTH = "operator", "eva", "nils", "ana", "bo"
# Of the tenant that only some tests publish: alone, with one that has revenue, and among all.
NEWCOMER, NEW_ANALYST, OLD_AND_NEW, EVERYWHERE = "nia", "noor", "olga", "abe"


@dataclass
class Superset:
    """The running server: its home, address, ids, and who may log in (PASSWORD for all)."""

    home: Path
    url: str
    charts: dict[str, int]
    dashboards: dict[str, int]
    seconds: dict[str, float]
    _clients: dict[str, httpx.Client] = field(default_factory=dict)

    def client(self, user: str) -> httpx.Client:
        """A logged-in client of the REST API, CSRF token included."""
        if user not in self._clients:
            client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
            credentials = {"username": user, "password": PASSWORD, "provider": "db", "refresh": False}
            answer = client.post("/api/v1/security/login", json=credentials)
            assert answer.status_code == 200, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            token = client.get("/api/v1/security/csrf_token/")
            client.headers.update({"X-CSRFToken": token.json()["result"], "Referer": self.url})
            self._clients[user] = client
        return self._clients[user]

    def query(self, user: str, chart: str, **changes: Any) -> httpx.Response:
        """The answer to a chart's saved query, asked by `user` on the dashboard; `changes` go into the query."""
        # What the chart asks is no secret and is taken from the operator; what it answers is asked as the user.
        saved = self.client(OPERATOR).get(f"/api/v1/chart/{self.charts[chart]}").json()["result"]["query_context"]
        context = httpx.Response(200, text=saved).json()
        assets = Assets.read()
        shown_on = next(slug for slug in assets.dashboards if chart in assets.used_charts(slug))
        context["form_data"] |= {"dashboardId": self.dashboards[shown_on], "slice_id": self.charts[chart]}
        force = changes.pop("force", False)
        context["queries"][0] |= changes
        return self.client(user).post("/api/v1/chart/data", json=context | {"force": force})

    def listed(self, user: str) -> list[str]:
        """Slugs of the dashboards that the list shows to `user`."""
        answer = self.client(user).get("/api/v1/dashboard/")
        assert answer.status_code == 200, answer.text
        return sorted(dashboard["slug"] for dashboard in answer.json()["result"])

    def sql(self, user: str, statement: str) -> httpx.Response:
        """A statement in SQL Lab."""
        databases = self.client(OPERATOR).get("/api/v1/database/").json()["result"]
        request = {"database_id": databases[0]["id"], "sql": statement, "schema": "marts", "runAsync": False,
                "client_id": f"{time.monotonic_ns() % 10**10:010d}x", "expand_data": False}  # fmt: skip
        return self.client(user).post("/api/v1/sqllab/execute/", json=request)


@pytest.fixture(scope="session")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    home = world.build(tmp_path_factory.mktemp("superset") / "home")
    seconds, clock = {}, time.monotonic()
    administration.make_template()
    seconds["template"], clock = time.monotonic() - clock, time.monotonic()
    users = [
        User(EXECUTIVE, (world.GREEN,), "executive", PASSWORD),
        User(NEIGHBOUR, (world.HELD,), "executive", PASSWORD),
        User(ANALYST, (world.GREEN,), "analyst", PASSWORD),
        User(BOTH, (world.GREEN, world.HELD), "analyst", PASSWORD),
        User(NEWCOMER, (world.ADDED,), "executive", PASSWORD),
        User(NEW_ANALYST, (world.ADDED,), "analyst", PASSWORD),
        User(OLD_AND_NEW, (world.GREEN, world.ADDED), "executive", PASSWORD),
        User(EVERYWHERE, ("*",), "executive", PASSWORD),
    ]
    answer = administration.apply(home, operator_password=PASSWORD, users=users, push=True)
    seconds["push"], clock = time.monotonic() - clock, time.monotonic()
    with _at(home):
        url = services.up_superset()
    seconds["boot"] = time.monotonic() - clock
    charts = {slug: answer["pushed"]["charts"][identity("charts", slug)] for slug in Assets.read().charts}
    dashboards = answer["pushed"]["dashboards"]
    try:
        yield Superset(home, url, charts, dashboards, seconds)
    finally:
        with _at(home):
            assert services.down() == [services.SUPERSET]


@pytest.fixture
def without_billing(superset: Superset) -> Iterator[None]:
    """The third tenant is published, and has no billing data."""
    before = world.add(superset.home, has_billing=False)
    yield
    before.write(superset.home / "published")


@contextmanager
def _at(home: Path) -> Iterator[None]:
    """TENURE_HOME and any free port for a start or a stop only: other tests of this worker must not see them."""
    with pytest.MonkeyPatch.context() as env:
        env.setenv("TENURE_HOME", str(home))
        # Small, so that a statement beyond them costs a test seconds.
        env.setenv("TENURE_SQL_SECONDS", "15")
        env.setenv("TENURE_SQL_MEMORY", "200MB")
        env.setenv("TENURE_SUPERSET_PORT", "0")
        yield


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where a run leaves what people look at: TENURE_ARTIFACTS, else `test-artifacts/` (not in git)."""
    folder = Path(os.environ.get("TENURE_ARTIFACTS") or ROOT / "test-artifacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
