"""The table of guarantees names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "guarantees.md"


def rows() -> list[str]:
    """Rows of all tables, without heads."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("|") and not line.startswith(("| guarantee", "|---"))]


def test_every_guarantee_names_a_test_that_the_command_runs() -> None:
    tests_of: dict[str, set[str]] = {}
    for row in rows():
        columns = re.fullmatch(r"\| [^|]+ \| [^|]+ \| `(test_\w+)` \| `pytest (tests/[\w/]+\.py)` \|", row)
        assert columns, f"not four columns, with a test and `pytest FILE`: {row}"
        name, file = columns.groups()
        if file not in tests_of:
            path = ROOT / file
            assert path.is_file(), f"{file} is not there: {row}"
            tree = ast.parse(path.read_text(encoding="utf-8"))
            tests_of[file] = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in tests_of[file], f"{file} has no {name}"


def test_the_numbers_of_mutants_are_those_of_the_lists() -> None:
    page = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")
    for layer in ("silver", "gold", "revenue"):
        text = (ROOT / "tests" / "mutation" / f"{layer}.yaml").read_text(encoding="utf-8")
        assert f"| {layer} | {len(re.findall('^- {', text, re.MULTILINE))} |" in page


def test_every_mutant_finds_its_text() -> None:
    # The edit of a text that moved on would be no mutant, and nobody would miss it.
    for layer, folder in (("silver", "transforms"), ("gold", "dbt_project")):
        for mutant in yaml.safe_load((ROOT / "tests" / "mutation" / f"{layer}.yaml").read_text(encoding="utf-8")):
            text = (ROOT / folder / mutant["file"]).read_text(encoding="utf-8")
            assert mutant["find"] in text, f"{mutant['file']}: {mutant['rule']}"
