"""The pages for people name what is there: links, files, commands, environment variables and words."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "DECISIONS")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
CODE = (
    "bench",
    "connectors",
    "dashboards",
    "dbt_project",
    "orchestration",
    "serving",
    "transforms",
    "warehouse_models",
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE_SPAN = re.compile(r"`([^`\n]+)`")
# A path in the repository: below one of its folders. `<…>` and `…` stand for something, as in a path to be written.
_PATH = re.compile(rf"(?:{'|'.join((*CODE, 'bench', 'docs', 'scripts', 'tests', '.ci', '.github'))})/[\w./*|-]*")
_PAST = "DECISIONS.md"  # A decision names files as they were on its day.


def page_id(page: Path) -> str:
    """The page's name for a test's id."""
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """What links to headings of `page` may end in, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def paths_named(text: str) -> Iterator[str]:
    """Paths in code spans of `text` that are meant to exist."""
    for span in _CODE_SPAN.findall(text):
        if not re.search(r"[<>…{]", span):
            yield from (match.rstrip(".") for match in _PATH.findall(span))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page_id(page)} links to {target}, and nothing is there"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page_id(page)} links to {target}, and no heading is called that"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != _PAST], ids=page_id)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    for path in paths_named(page.read_text(encoding="utf-8")):
        is_there = any(ROOT.glob(path.rstrip("/"))) if "*" in path else (ROOT / path).exists()
        assert is_there, f"{page_id(page)} names {path}, and nothing is there"


def test_the_operators_table_has_every_variable_that_the_product_reads() -> None:
    page = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`(TENURE_\w+)`", page.partition("## Environment variables")[2]))
    read = set()
    for folder in CODE:
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".py", ".yml", ".yaml") and file.is_file():
                text = file.read_text(encoding="utf-8")
                read |= set(re.findall(r"environ(?:\.get)?[\[(][\"'](TENURE_\w+)", text))
                read |= set(re.findall(r"env_var\('(TENURE_\w+)'", text))
    ours = {"TENURE_BUILD_DB", "TENURE_DBT_SEVERITY", "TENURE_DBT_PROJECT"}  # We tell dbt and our own tests by these.
    assert read - ours <= described, f"not in the table: {sorted(read - ours - described)}"
    assert described - {"TENURE_REQUIRE_", "TENURE_TEST_"} <= names_in_product(), "the table has one that nobody reads"


def names_in_product() -> set[str]:
    """Every TENURE_ name that stands in a tracked file of the product."""
    tracked = subprocess.run(["git", "ls-files", *CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    names: set[str] = set()
    for line in tracked.stdout.splitlines():
        file = ROOT / line
        if file.suffix in (".py", ".yml", ".yaml") and file.is_file():
            names |= set(re.findall(r"TENURE_[A-Z_]+", file.read_text(encoding="utf-8")))
    return names


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != _PAST], ids=page_id)
def test_no_paragraph_is_a_wall(page: Path) -> None:
    # The README once had a paragraph of sixty lines, and nobody read the end of it.
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if not line.startswith(("|", "- ", "  "))]
        assert len(lines) <= 12, f"{page_id(page)}: {len(lines)} lines from {lines[0]!r} on"


def commands_of(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Words of every group and command below `group`, such as ("tenant", "add")."""
    for name, command in getattr(group, "commands", {}).items():
        yield (*words, name)
        yield from commands_of(command, (*words, name))


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != _PAST], ids=page_id)
def test_every_command_that_a_page_tells_exists(page: Path) -> None:
    from orchestration.cli import app

    commands = set(commands_of(typer.main.get_command(app)))
    groups = {words[0] for words in commands if len(words) > 1}
    assert ("tenant", "add") in commands
    text = page.read_text(encoding="utf-8")
    lines = [*_CODE_SPAN.findall(text), *"\n".join(re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)).splitlines()]
    for line in lines:
        words = re.match(r"(?:\.venv/bin/)?tenure ([a-z]+)(?: ([a-z]+))?(?= |$)", line.strip())
        if words is not None:
            wanted = (words[1], words[2]) if words[1] in groups and words[2] else (words[1],)
            assert wanted in commands, f"{page_id(page)} tells of `{line.strip()}`"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != _PAST], ids=page_id)
def test_everything_that_a_page_makes_can_be_made(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))
    assert named <= targets, f"{page_id(page)} tells of {sorted(named - targets)}"


def test_the_map_shows_every_room() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = [file.parent for package in CODE for file in (ROOT / package).glob("*/__init__.py")]
    missing = [room.relative_to(ROOT).as_posix() for room in rooms if f"`{room.name}/" not in page]
    assert len(rooms) > 15 and not missing, f"ARCHITECTURE.md does not say what these are: {missing}"


def test_every_word_of_the_glossary_is_used_in_the_code() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w ]+) \| (.+) \|$", page.partition("## Words")[2].partition("\n## ")[0], re.MULTILINE)
    words = [word for word, _ in rows if word != "word"]
    assert len(words) >= 25 and len(set(words)) == len(words)
    files = [file for folder in CODE for file in (ROOT / folder).rglob("*") if file.suffix in (".py", ".sql", ".yml")]
    text = "\n".join(file.read_text(encoding="utf-8").lower() for file in files)
    unused = [word for word in words if not re.search(rf"\b{re.escape(word)}", text)]
    assert not unused, f"the glossary explains words that no code uses: {unused}"
    assert all(meaning.endswith((".", ".)")) for word, meaning in rows if word != "word")


def test_every_decision_is_in_the_index_of_its_page() -> None:
    page = (ROOT / _PAST).read_text(encoding="utf-8")
    index = page.partition("## By subject")[2].partition("\n## ")[0]
    titles = re.findall(r"^## (\d.+)$", page, re.MULTILINE)
    missing = [title for title in titles if title.partition(" · ")[2] not in index]
    assert not missing, f"add a line under the subject it belongs to: {missing}"
