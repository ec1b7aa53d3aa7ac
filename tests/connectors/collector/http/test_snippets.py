"""Every Python, Node and curl snippet of the reference page, run as it stands there: its events arrive in bronze.

What cannot be run here: the Swift and the Kotlin snippets (no toolchain, no device), and those for browsers. The names
that they use were read in the vendors' sources on 2026-11-26. analytics-swift, Configuration.swift and Events.swift:
Configuration, apiHost, cdnHost, flushAt, flushInterval, errorHandler, track(name:properties:),
identify(userId:traits:), screen(title:category:properties:), group(groupId:traits:), alias(newId:). analytics-kotlin,
Configuration.kt, Analytics.kt and README: the same settings, and track, identify, screen, group and alias(newId).
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import need
from tests.support.worlds.collector import ROOT, World
from warehouse_models.catalog.sources import Sources

pytestmark = pytest.mark.slow
SNIPPETS = ROOT / "docs" / "collector" / "snippets"
HOST = "https://collector.example.com"
KEY = "YOUR_WRITE_KEY"
# The key of the snippets that say how to move: an app carries it, so the source has to take it.
SHIPPED = "KEY_THAT_SHIPPED"
SENT = {"start": "track", "rudder": "track", "move": "track", "errors": "track"}
BATCHES = {"python.py": {"track": 250}, "node.mjs": {"track": 250}, "curl.sh": {"identify": 1, "track": 1, "page": 1}}
RUNNABLE = sorted(path for path in SNIPPETS.glob("*/*") if path.name in BATCHES)


class Ran(NamedTuple):
    source: str
    process: subprocess.CompletedProcess[str]


def named(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.fixture(scope="module")
def ran(world: World, python: Path, node_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """All of them, a few at a time, each for a source of its own; then what they sent is landed."""
    need("SDKS", shutil.which("curl") is not None, "curl is not installed")
    folder = tmp_path_factory.mktemp("snippets")
    programs = {".py": (python, folder), ".mjs": ("node", node_folder), ".sh": ("sh", folder)}

    def run(path: Path, source: str, key: str) -> Ran:
        text = path.read_text(encoding="utf-8")
        assert HOST in text and (KEY in text or SHIPPED in text)
        text = text.replace(HOST, world.collector.address).replace(SHIPPED, key).replace(KEY, key)
        program, place = programs[path.suffix]
        # Node looks for packages above the file.
        own = place / named(path)
        own.mkdir()
        (own / path.name).write_text(text, encoding="utf-8")
        process = subprocess.run([program, path.name], cwd=own, capture_output=True, text=True, timeout=120)
        return Ran(source, process)

    asked = {}
    for path in RUNNABLE:
        source, key = world.source()
        if path.parent.name == "move":
            key = f"{SHIPPED}-{path.stem}"
            source = Sources(world.catalog).add("acme", f"shipped {path.stem}", key)[0].source_id
        asked[path] = (source, key)
    with ThreadPoolExecutor(4) as pool:
        results = dict(zip(map(named, asked), pool.map(lambda path: run(path, *asked[path]), asked), strict=True))
    assert not world.land().kept
    return results


@pytest.mark.parametrize("snippet", RUNNABLE, ids=named)
def test_a_snippet_runs_as_it_stands_and_its_events_are_in_bronze(
    world: World, ran: dict[str, Ran], snippet: Path
) -> None:
    topic, (source, process) = snippet.parent.name, ran[named(snippet)]
    assert process.returncode == 0 and "rror" not in process.stderr, process.stdout + process.stderr
    assert snippet.suffix != ".sh" or process.stdout == '{"success":true}'
    expected = BATCHES[snippet.name] if topic == "batch" else {SENT.get(topic, topic): 1}
    assert Counter(row["type"] for row in world.bronze(source, "type, file, line")) == expected
    assert world.refused(source) == []


def test_each_topic_has_each_language() -> None:
    """RudderStack's own SDKs for Swift and Kotlin are not shown: nothing about them was checked."""
    languages = {"javascript.js", "python.py", "node.mjs", "swift.swift", "kotlin.kt", "curl.sh"}
    for topic in sorted(SNIPPETS.iterdir()):
        files = {path.name for path in topic.iterdir()}
        assert files == (languages if topic.name != "rudder" else {"javascript.js", "python.py", "node.mjs"}), (
            topic.name
        )
