"""Every check says, beside its definition, what it means when it fails, in a sentence for an executive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.audit.rules import bronze_rules, gold_rules
from orchestration.audit.verdict import Check, verdicts
from orchestration.gold.dbt.manifest import manifest
from orchestration.publish.held import sentence
from warehouse_models.dbt.marts import PROJECT

# What stands in a database or in a statistics book, and not in an executive's day.
JARGON = re.compile(
    r"[_`]|\b(null|rows?|keys?|tables?|columns?|schema|marts?|dim|fct|int|tests?|checks?|ids?|dbt|sql|bronze|silver|gold"
    r"|unique|foreign|relation\w*|constraint|invalid|duplicates?|timestamps?|boolean|ratios?|tenants?)\b",
    re.IGNORECASE,
)


def dbt_tests() -> Iterator[tuple[str, str]]:
    """(what it is, its sentence) of every data test as it is written in the project."""
    for path in sorted((PROJECT / "models").rglob("*.yml")):
        properties: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        for model in properties.get("models", []):
            for number, test in enumerate(model.get("data_tests", [])):
                ((kind, options),) = test.items()
                yield f"{model['name']} {kind} {number}", options.get("description", "")
    for test in yaml.safe_load((PROJECT / "tests" / "_tests.yml").read_text(encoding="utf-8"))["data_tests"]:
        yield test["name"], test.get("description", "")


SENTENCES = [*dbt_tests(), *((rule.check, rule.words) for rule in [*bronze_rules(), *gold_rules()])]


@pytest.mark.parametrize(("check", "words"), SENTENCES, ids=[check for check, _ in SENTENCES])
def test_the_tile_says_what_a_failing_check_means_in_words_an_executive_understands(check: str, words: str) -> None:
    assert words, f"{check} needs a description beside its definition"
    verdict = verdicts(["acme"], [Check(check, "dbt", "gold/x", words, {"acme": 2})])["acme"]
    shown = sentence(str(verdict.reason), date(2026, 11, 3), date(2026, 11, 2))
    assert shown == f"Held since 3 Nov: {words}; figures are of 2 Nov"
    assert words[0].islower() and not words.endswith("."), "it stands in the middle of a sentence"
    assert not (jargon := JARGON.search(words)), f"{jargon and jargon[0]!r} is no word of an executive"
    assert 20 <= len(words) <= 110, "one short sentence"
    assert ";" not in words, "several are told apart by it"


def test_no_two_checks_say_the_same() -> None:
    said = [words for _, words in SENTENCES]
    assert len(set(said)) == len(said)


def test_every_check_that_dbt_runs_is_among_them(tenure_home: Path) -> None:
    run = [node["description"] for node in manifest()["nodes"].values() if node["resource_type"] == "test"]
    assert sorted(run) == sorted(words for _, words in dbt_tests())


def test_a_sentence_names_the_year_only_where_it_is_another() -> None:
    assert sentence("x", date(2026, 1, 2), date(2025, 12, 30)) == "Held since 2 Jan 2026: x; figures are of 30 Dec 2025"
    assert sentence("x", date(2026, 1, 2), None) == "Held since 2 Jan: x; no figures have been published yet"
