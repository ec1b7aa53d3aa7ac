"""`tenure source`: a key is shown once, and never again."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from orchestration.cli import app


def tenure(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_key_is_shown_when_it_is_made_and_in_no_list(tenure_home: Path) -> None:
    tenure("tenant", "add", "acme")
    added = json.loads(tenure("source", "add", "--tenant", "acme", "--name", "web", "--json").stdout)
    rotated = json.loads(tenure("source", "rotate", "--tenant", "acme", "--name", "web", "--json").stdout)
    listed = tenure("source", "list", "--json")
    assert len({added["write_key"], rotated["write_key"]}) == 2
    assert json.loads(listed.stdout)[0]["source_id"] == added["source_id"] == rotated["source_id"]
    for key in (added["write_key"], rotated["write_key"]):
        assert key not in listed.stdout + tenure("source", "list").output


def test_a_key_that_the_caller_gave_is_not_printed(tenure_home: Path) -> None:
    tenure("tenant", "add", "acme")
    result = tenure("source", "add", "--tenant", "acme", "--name", "ios", "--write-key", "shipped-key-1")
    assert result.exit_code == 0 and "shipped-key-1" not in result.output


def test_revoking_and_a_mistake_speak_for_themselves(tenure_home: Path) -> None:
    tenure("tenant", "add", "acme")
    tenure("source", "add", "--tenant", "acme", "--name", "web")
    assert "revoked" in tenure("source", "revoke", "--tenant", "acme", "--name", "web").output
    wrong = tenure("source", "revoke", "--tenant", "acme", "--name", "ios")
    assert wrong.exit_code == 2 and "known: web" in wrong.output and "next:" in wrong.output
