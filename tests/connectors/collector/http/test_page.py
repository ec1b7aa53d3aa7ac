"""The reference page: what its sources give, whole without any network, and usable with a keyboard and on a phone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import browser, need
from tests.support.worlds.collector import ROOT

FOLDER = ROOT / "docs" / "collector"
PAGE = FOLDER / "index.html"
SIZES = {"desk": (1440, 900), "tablet": (820, 1180), "phone": (390, 844)}


def test_the_committed_page_is_what_its_sources_give() -> None:
    process = subprocess.run([sys.executable, FOLDER / "build.py", "--check"], capture_output=True, text=True)
    assert process.returncode == 0, f"{process.stderr} .venv/bin/python docs/collector/build.py"


def test_the_page_names_every_path_reply_and_snippet() -> None:
    import yaml

    text = PAGE.read_text(encoding="utf-8")
    document = yaml.safe_load((FOLDER / "openapi.yaml").read_text(encoding="utf-8"))
    for path in document["paths"]:
        assert path in text
    for language in ("JavaScript", "Python", "Node", "Swift", "Kotlin", "curl"):
        assert text.count(f'role="tabpanel" id="{"identify"}-{language.lower()}-code"') == 1


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    need("BROWSER", browser() is not None, "Chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """The page, opened as a file; whatever it asks of a network, and whatever goes wrong in it, fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url))
    opened.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(PAGE.as_uri())
    yield opened
    context.close()
    assert wrong == []


def test_a_language_is_chosen_for_all_samples_and_remembered(page: Page) -> None:
    page.locator("#track [role=tab]", has_text="Kotlin").click()
    assert set(page.locator("[role=tab][aria-selected=true]").all_inner_texts()) == {"Kotlin", "JavaScript"}
    # RudderStack's Kotlin SDK is not shown; what is shown instead is the first.
    assert page.locator("#rudder [role=tab][aria-selected=true]").inner_text() == "JavaScript"
    page.reload()
    assert page.locator("#identify [role=tab][aria-selected=true]").inner_text() == "Kotlin"
    assert page.locator("#identify pre:visible").count() == 1


def test_tabs_answer_to_arrow_keys(page: Page) -> None:
    page.locator("#track [role=tab][aria-selected=true]").focus()
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.language") == "curl"
    assert page.locator("#track pre:visible").inner_text().startswith("curl https://collector.example.com/v1/track")


def test_copy_takes_the_snippet_that_is_shown_as_its_file_has_it(page: Page) -> None:
    page.locator("#batch [role=tab]", has_text="curl").click()
    page.locator("#batch .tabs .copy").click()
    page.locator("#batch .tabs .copy", has_text="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == (FOLDER / "snippets" / "batch" / "curl.sh").read_text(encoding="utf-8")


def test_search_finds_by_any_words_and_the_keyboard_goes_there(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("retry-after quota")
    options = page.locator("#found [role=option]")
    assert "Replies" in options.locator("b").all_inner_texts()
    page.locator("#search").fill("write key rotate")
    assert options.locator("b").first.inner_text() == "Sources and write keys"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#sources"
    page.wait_for_function("document.querySelector('[aria-current]')?.hash === '#sources'")
    page.locator("#search").fill("xyzzy")
    assert options.count() == 0 and "Nothing holds these words" in page.locator("#found").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#contents").is_visible()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_is_too_narrow_for_it(page: Page, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    if size == "phone":
        page.locator(".menu").click()
        page.locator("#contents a", has_text="Limits").click()
        assert not page.locator("nav").is_visible()
        assert page.evaluate("Math.abs(document.querySelector('#limits').getBoundingClientRect().top) < 120")
    folder = Path(os.environ.get("TENURE_ARTIFACTS") or ROOT / "test-artifacts")
    page.screenshot(path=folder / f"collector-reference-{size}-{scheme}.png")


def test_it_prints_without_its_navigation_and_with_every_section(page: Page) -> None:
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible() and not page.locator(".copy").first.is_visible()
    assert page.locator("section h1").count() == page.locator("section:visible h1").count() > 15
