"""An executive of one tenant opens every dashboard in a real browser: no error tile, nothing of a neighbour."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, Response, sync_playwright

from dashboards.files import Assets
from tests.browser.conftest import EXECUTIVE, NEWCOMER, PASSWORD, Superset
from tests.conftest import browser as chromium
from tests.support.worlds import serving as world

pytestmark = [pytest.mark.superset, pytest.mark.browser, pytest.mark.slow]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ERRORS = "[role=alert], .ant-alert-error, [data-test=error-boundary], .missing-chart-container"
LOADING = ".loading, [data-test=loading-indicator]"
SECONDS = 90
SEGMENT, USAGE = 1, 3


class Visit:
    """A page with what came over the wire: every answer's text, failures, and hosts other than ours."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.texts: list[tuple[str, str]] = []
        self.unread: list[str] = []
        self._pending: list[Response] = []
        self.failed: list[str] = []
        self.elsewhere: list[str] = []
        # Nothing outside is reachable, also where this machine has a network.
        page.route(lambda address: not address.startswith((url, "data:", "blob:")), lambda route: route.abort())
        page.on("response", self._hear)

    def _hear(self, response: Response) -> None:
        if response.url.startswith(("data:", "blob:")):
            return
        if not response.url.startswith(self.url):
            self.elsewhere.append(response.url)
        elif response.status >= 400:
            self.failed.append(f"{response.status} {response.url}")
        elif "/static/" not in response.url and response.status == 200:
            self._pending.append(response)

    def read(self) -> None:
        """Read what has come. A body is gone once the page is left, so this stands before every navigation."""
        pending, self._pending = self._pending, []
        for response in pending:
            try:
                self.texts.append((response.url, response.text()))
            except Error:
                self.unread.append(response.url)

    def log_in(self, user: str) -> None:
        self.page.goto(f"{self.url}/login/")
        self.page.fill("input[name=username], #username", user)
        self.page.fill("input[name=password], #password", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda address: "/login" not in address, timeout=SECONDS * 1000)
        self.page.wait_for_load_state("networkidle")
        self.read()

    def open(self, dashboard: str, charts: int) -> None:
        """Open a dashboard and wait until each of its charts has drawn or failed."""
        self.page.goto(f"{self.url}/superset/dashboard/{dashboard}/")
        self.page.wait_for_selector("[data-test-viz-type]", timeout=SECONDS * 1000)
        self.settle(charts)

    def settle(self, charts: int) -> None:
        """Wait until nothing loads for a second."""
        quiet, deadline = 0, time.monotonic() + SECONDS
        while quiet < 4:
            assert time.monotonic() < deadline, "the charts did not finish loading"
            self.page.wait_for_timeout(250)
            there = self.page.locator("[data-test-viz-type]").count() >= charts
            quiet = quiet + 1 if there and self.page.locator(LOADING).count() == 0 else 0
        self.read()


@pytest.fixture(scope="module")
def engine() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=FLAGS, headless=True)
        yield running
        running.close()


@pytest.fixture
def visit(engine: Browser, superset: Superset) -> Iterator[Visit]:
    # As tall as the dashboard: Superset draws a chart only when it scrolls into view.
    context = engine.new_context(viewport={"width": 1600, "height": 1860}, timezone_id="UTC", locale="en-GB")
    yield Visit(context.new_page(), superset.url)
    context.close()


@pytest.mark.parametrize("dashboard", sorted(Assets.read().dashboards))
def test_a_dashboard_opens_without_an_error_and_without_a_neighbour(
    visit: Visit, dashboard: str, artifacts: Path
) -> None:
    charts = Assets.read().used_charts(dashboard)
    visit.log_in(EXECUTIVE)
    visit.open(dashboard, len(charts))
    visit.page.screenshot(path=artifacts / f"{dashboard}.png")

    alerts = visit.page.locator(ERRORS).all_inner_texts()
    assert not alerts, alerts
    assert not visit.failed, visit.failed
    assert not visit.elsewhere, visit.elsewhere
    # Pages that were left before their body was read: they hold no data.
    assert all("/login" in address or "/superset/log/" in address for address in visit.unread), visit.unread
    shown = visit.page.content()
    for slug in charts:
        assert Assets.read().charts[slug]["title"] in shown, slug
    answers = [text for address, text in visit.texts if "/chart/data" in address]
    assert len(answers) >= len(charts)
    seen = [("the page", shown), *visit.texts]
    leaked = [(where, word) for where, text in seen for word in world.foreign_words(world.GREEN) if word in text]
    assert not leaked, leaked
    # The same search finds what is there: it would find a neighbour too.
    own = world.account_names(world.GREEN)
    assert sum(any(name in text for _, text in seen) for name in own) >= 5


def test_the_segment_filter_narrows_the_account_list(visit: Visit) -> None:
    charts = len(Assets.read().used_charts("product-adoption"))
    visit.log_in(EXECUTIVE)
    visit.open("product-adoption", charts)
    before = cells(visit.page, SEGMENT)
    assert len(before) > 1
    visit.page.locator("[data-test=form-item-value] .ant-select").first.click()
    visit.page.locator(".ant-select-item-option", has_text="Enterprise").click()
    visit.page.keyboard.press("Escape")
    visit.page.locator("[data-test=filter-bar__apply-button]").click()
    visit.settle(charts)
    assert cells(visit.page, SEGMENT) == {"Enterprise"}
    assert not visit.page.locator(ERRORS).all_inner_texts()


def test_a_click_on_a_part_of_a_bar_drills_into_its_accounts(visit: Visit, artifacts: Path) -> None:
    charts = len(Assets.read().used_charts("product-adoption"))
    visit.log_in(EXECUTIVE)
    visit.open("product-adoption", charts)
    before = cells(visit.page, USAGE)
    canvas = visit.page.locator("[data-test-chart-name='Accounts by segment and usage'] canvas").first
    box = canvas.bounding_box()
    assert box is not None and len(before) > 1
    # The bars begin right of their names; which heights they stand at is the chart's affair.
    for height in (0.3, 0.4, 0.5, 0.6, 0.7):
        canvas.click(position={"x": box["width"] * 0.4, "y": box["height"] * height})
        visit.settle(charts)
        if cells(visit.page, USAGE) != before:
            break
    after = cells(visit.page, USAGE)
    visit.page.screenshot(path=artifacts / "product-adoption-drilled.png")
    assert len(after) == 1 and after < before
    assert not visit.page.locator(ERRORS).all_inner_texts()


def test_a_tenant_without_billing_sees_no_empty_revenue_tiles_and_the_dashboard_comes_with_its_first_bill(
    visit: Visit, superset: Superset, without_billing: None, artifacts: Path
) -> None:
    visit.log_in(NEWCOMER)
    assert listed(visit) == {"Product adoption"}
    visit.page.screenshot(path=artifacts / "dashboards-without-billing.png")
    for address in ("revenue-and-churn", superset.dashboards["revenue-and-churn"]):
        answer = visit.page.goto(f"{visit.url}/superset/dashboard/{address}/")
        assert answer is not None and answer.status == 404
        assert visit.page.locator("[data-test-viz-type]").count() == 0
    visit.page.screenshot(path=artifacts / "revenue-refused.png")

    before = world.add(superset.home, has_billing=True)
    try:
        assert listed(visit) >= {"Product adoption", "Revenue and churn"}
        visit.page.screenshot(path=artifacts / "dashboards-with-billing.png")
        visit.open("revenue-and-churn", len(Assets.read().used_charts("revenue-and-churn")))
        assert not visit.page.locator(ERRORS).all_inner_texts()
        assert any(name in visit.page.content() for name in world.account_names(world.ADDED))
    finally:
        before.write(superset.home / "published")


def listed(visit: Visit) -> set[str]:
    """Titles in the list of dashboards."""
    visit.page.goto(f"{visit.url}/dashboard/list/")
    visit.page.wait_for_selector("text=Product adoption", timeout=SECONDS * 1000)
    visit.page.wait_for_load_state("networkidle")
    visit.read()
    return {link.inner_text().strip() for link in visit.page.locator("a[href^='/superset/dashboard/']").all()}


def cells(page: Page, column: int) -> set[str]:
    """Values in a column of the account list."""
    rows = page.locator("[data-test-chart-name=Accounts] tbody tr").all()
    return {row.locator("td").nth(column).inner_text() for row in rows}
