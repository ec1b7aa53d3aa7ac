"""Browser SDKs as npm has them, unmodified, in a page of another origin: every event arrives once, none is refused."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import browser as chromium
from tests.conftest import need
from tests.support.worlds.collector import World, start

pytestmark = pytest.mark.slow
SDKS = ("@segment/analytics-next@1.84.3", "@rudderstack/analytics-js@3.34.1")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
# Nothing outside is reachable. Not by a route of Playwright's: what a page sends while it ends would be stopped by it.
FLAGS.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")

PAGE = "<!doctype html><title>A shop</title><script src='%s'></script>"
SEGMENT = "/node_modules/@segment/analytics-next/dist/umd/index.js"
RUDDER = "/node_modules/@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js"
# What a site writes: the collector's address, and no other, in the options that the SDKs document.
SEGMENT_LOAD = """([key, collector, options]) => {
  window.sdk = AnalyticsNext.AnalyticsBrowser.load(
    { writeKey: key, cdnURL: collector }, { integrations: { "Segment.io": options } })
  return sdk.then(() => true)
}"""
RUDDER_LOAD = """([key, collector, options]) => new Promise((ready) => {
  window.sdk = new window.rudderanalytics.RudderAnalytics()
  sdk.ready(() => ready(true))
  sdk.load(key, collector, { configUrl: collector, logLevel: "DEBUG", ...options })
})"""
CALLS = """([count, kinds]) => {
  for (let n = 0; n < count; n++) for (const kind of kinds) ({
    track: () => sdk.track("Used", { n, text: "Zürich 世界" }),
    identify: () => sdk.identify("u1", { n, email: "a@example.com" }),
    page: () => sdk.page("docs", "home", { n }),
    screen: () => sdk.screen("app", "home", { n }),
    group: () => sdk.group("g1", { n, plan: "pro" }),
    alias: () => sdk.alias("u1", `before-${n}`),
  })[kind]()
}"""
# Nobody outside hears what a page sends while it ends: it notes how, for the page behind it.
REMEMBER = """
for (const [owner, name, what] of [[window, "fetch", "fetch"], [Navigator.prototype, "sendBeacon", "beacon"]]) {
  const send = owner[name]
  owner[name] = function (url, ...more) {
    localStorage.setItem("at the end", `${what} ${url}`)
    return send.call(this, url, ...more)
  }
}
"""
KINDS = ["identify", "track", "page", "group", "alias"]
BATCHES = {"deliveryStrategy": {"strategy": "batching", "config": {"size": 7, "timeout": 300}}}
AT_THE_END = {"deliveryStrategy": {"strategy": "batching", "config": {"size": 100, "timeout": 600_000}}}
RUDDER_BATCHES = {"queueOptions": {"batch": {"enabled": True, "maxItems": 7, "flushInterval": 300}}}
RUDDER_BEACON = {"useBeacon": True, "beaconQueueOptions": {"maxItems": 100, "flushQueueInterval": 600_000}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site whose pages load the SDKs from their npm packages."""
    need("SDKS", shutil.which("npm") is not None, "Node is not installed (Debian: nodejs npm)")
    folder = tmp_path_factory.mktemp("site")
    (folder / "package.json").write_text("{}")
    install = ["npm", "install", "--no-audit", "--no-fund", *SDKS]
    process = subprocess.run(install, cwd=folder, capture_output=True, text=True)
    need("SDKS", process.returncode == 0, f"the SDKs could not be installed: {process.stderr[-300:]}")
    for name, sdk in (("segment", SEGMENT), ("rudder", RUDDER)):
        (folder / f"{name}.html").write_text(PAGE % sdk)
    (folder / "away.html").write_text("<!doctype html>another page")
    (folder / "favicon.ico").write_bytes(b"")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def engine() -> Iterator[Browser]:
    need("BROWSER", chromium() is not None, "Chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=FLAGS, headless=True)
        yield running
        running.close()


class Visit:
    """A page of the site with what it asked of the collector, and of anybody else."""

    def __init__(self, engine: Browser, site: str, world: World, tmp_path: Path) -> None:
        self.world, self.site = world, site
        self.source, self.key = world.source()
        self.collector = world.collector = start(tmp_path)
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.replies: list[tuple[int, str]] = []
        self.elsewhere: list[str] = []
        self.said: list[str] = []
        self.context = engine.new_context()
        self.context.add_init_script(REMEMBER)
        self.page: Page = self.context.new_page()
        self.page.on("request", self._ask)
        self.page.on("response", self._hear)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def _ask(self, request: Any) -> None:
        if request.url.startswith(self.collector.address):
            self.asked.append((request.method, request.url.removeprefix(self.collector.address), request.headers))
        elif not request.url.startswith(self.site):
            self.elsewhere.append(request.url)

    def _hear(self, response: Any) -> None:
        if response.url.startswith(self.collector.address):
            self.replies.append((response.status, response.url))

    def open(self, name: str, load: str, options: dict[str, Any]) -> None:
        self.page.goto(f"{self.site}/{name}.html")
        assert self.page.evaluate(load, [self.key, self.collector.address, options])

    def paths(self) -> set[str]:
        return {path.partition("?")[0] for method, path, _ in self.asked if method == "POST"}

    def crossed_origins(self, path: str) -> None:
        """Its calls went there with a header that a browser sends elsewhere only where a preflight allows it."""
        heads = [headers for method, asked, headers in self.asked if method == "POST" and asked == path]
        assert heads and all(head["authorization"].startswith("Basic ") for head in heads), self.asked
        assert {head["origin"] for head in heads if "origin" in head} <= {self.site} != {self.collector.address}

    def landed(self, count: int) -> list[dict[str, Any]]:
        """The rows of bronze once there are so many, and nothing comes behind them."""
        deadline = time.monotonic() + 30
        while len(self.world.bronze(self.source, "file, line")) < count and time.monotonic() < deadline:
            self.page.wait_for_timeout(200)
            self.world.land()
        self.context.close()
        assert self.collector.stop() == 0
        self.world.land()
        assert self.world.refused(self.source) == []
        assert {status for status, _ in self.replies} <= {200}, self.replies
        assert not self.elsewhere, self.elsewhere
        return self.world.bronze(self.source)


@pytest.fixture
def visit(engine: Browser, site: str, own_world: World, tmp_path: Path) -> Iterator[Visit]:
    made = Visit(engine, site, own_world, tmp_path)
    yield made
    made.context.close()


def calls_of(rows: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """(type, which call of this type) of each row."""
    calls = []
    for row in rows:
        value = json.loads(row["payload"])
        mark = value.get("previousId", "").removeprefix("before-") if row["type"] == "alias" else None
        places = (value.get("properties"), value.get("traits"), value.get("context", {}).get("traits"))
        which = next((place["n"] for place in places if place and "n" in place), mark)
        calls.append((row["type"], int(which)))
    return sorted(calls)


def wanted(count: int, kinds: list[str]) -> list[tuple[str, int]]:
    return sorted((kind, n) for kind in kinds for n in range(count))


@pytest.mark.parametrize(("options", "path"), [({}, "/v1/t"), (BATCHES, "/v1/b")], ids=["single", "batching"])
def test_segments_browser_sdk_lands_each_call_once(visit: Visit, options: dict[str, Any], path: str) -> None:
    kinds = [*KINDS, "screen"]
    visit.open("segment", SEGMENT_LOAD, options)
    visit.page.evaluate(CALLS, [6, kinds])
    rows = visit.landed(36)
    assert calls_of(rows) == wanted(6, kinds), visit.said
    assert len({row["record_id"] for row in rows}) == 36
    visit.crossed_origins(path)
    assert ("GET", f"/v1/projects/{visit.key}/settings") in {(method, path) for method, path, _ in visit.asked}


@pytest.mark.parametrize(
    ("options", "path"), [({}, "/v1/track"), (RUDDER_BATCHES, "/v1/batch")], ids=["single", "batching"]
)
def test_rudders_browser_sdk_lands_each_call_once(visit: Visit, options: dict[str, Any], path: str) -> None:
    visit.open("rudder", RUDDER_LOAD, options)
    visit.page.evaluate(CALLS, [6, KINDS])
    rows = visit.landed(30)
    assert calls_of(rows) == wanted(6, KINDS), visit.said
    visit.crossed_origins(path)
    assert "/sourceConfig/" in {path.partition("?")[0] for _, path, _ in visit.asked}


@pytest.mark.parametrize(
    ("name", "load", "options"),
    [("segment", SEGMENT_LOAD, AT_THE_END), ("rudder", RUDDER_LOAD, RUDDER_BEACON)],
    ids=["segment", "rudder's beacon"],
)
@pytest.mark.parametrize("how", ["closed", "left"])
def test_what_a_page_holds_when_it_ends_is_sent_and_landed_once(
    visit: Visit, name: str, load: str, options: dict[str, Any], how: str
) -> None:
    visit.open(name, load, options)
    visit.page.evaluate(CALLS, [4, KINDS])
    visit.page.wait_for_timeout(500)
    assert not visit.paths()
    if how == "left":
        visit.page.goto(f"{visit.site}/away.html")
        sent = visit.page.evaluate("localStorage.getItem('at the end')")
    else:
        visit.page.close(run_before_unload=False)
        visit.page = visit.context.new_page()
    rows = visit.landed(20)
    assert calls_of(rows) == wanted(4, KINDS), visit.said
    if how == "left":
        way = (
            f"fetch {visit.collector.address}/v1/b"
            if name == "segment"
            else f"beacon {visit.collector.address}/beacon/v1/batch"
        )
        assert sent.startswith(way), sent
