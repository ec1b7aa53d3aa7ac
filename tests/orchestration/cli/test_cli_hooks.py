"""`tenure hook`: a path for the vendor, a secret that is shown once or never, and what is to be done next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from warehouse_models.catalog.secrets import read_secret


def tenure(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


@pytest.fixture(autouse=True)
def acme(tenure_home: Path) -> None:
    assert tenure("tenant", "add", "acme").exit_code == 0


def test_a_path_and_the_next_step_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENURE_PUBLIC_URL", "https://hooks.example.com/")
    result = tenure("hook", "add", "--tenant", "acme", "--system", "stripe")
    assert result.exit_code == 0 and "https://hooks.example.com/hooks/acme/stripe/hook_" in result.output
    assert "tenure hook secret --tenant acme --name 'stripe'" in result.output and "503" in result.output
    asana = tenure("hook", "add", "--tenant", "acme", "--system", "asana").output
    assert "handshake" in asana


def test_a_secret_that_is_piped_in_is_kept_and_not_printed() -> None:
    added = json.loads(tenure("hook", "add", "--tenant", "acme", "--system", "stripe", "--json").stdout)
    assert "signing_secret" not in added
    result = tenure("hook", "secret", "--tenant", "acme", "--name", "stripe", stdin="whsec_piped\n")
    assert result.exit_code == 0 and "whsec_piped" not in result.output and "503" not in result.output
    assert read_secret(added["secret"]) == "whsec_piped"


def test_a_secret_that_cannot_be_one_is_refused_when_it_is_told() -> None:
    assert tenure("hook", "add", "--tenant", "acme", "--system", "standard").exit_code == 0
    result = tenure("hook", "secret", "--tenant", "acme", "--name", "standard", stdin="whsec_ab-_cd\n")
    assert result.exit_code == 2 and "copy it whole" in result.output and "ab-_cd" not in result.output


def test_a_secret_that_is_made_is_shown_once_and_in_no_list() -> None:
    added = json.loads(tenure("hook", "add", "--tenant", "acme", "--system", "jira", "--json").stdout)
    rotated = json.loads(tenure("hook", "rotate", "--tenant", "acme", "--name", "jira", "--json").stdout)
    secrets = {added["signing_secret"], rotated["signing_secret"]}
    assert len(secrets) == 2 and added["path"] == rotated["path"]
    as_json, as_text = tenure("hook", "list", "--json").stdout, tenure("hook", "list", "--tenant", "acme").output
    listed = as_json + as_text
    assert added["path"] in as_json and added["path"] in as_text, "whole, for the vendor's form"
    assert not any(secret in listed for secret in secrets)


def test_a_secret_is_named_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_STRIPE", "whsec_1")
    add = ("hook", "add", "--tenant", "acme", "--json", "--system")
    assert json.loads(tenure(*add, "stripe", "--secret-env", "OF_STRIPE").stdout)["secret"] == "env:OF_STRIPE"
    (tmp_path / "secret").write_text("x")
    added = json.loads(tenure(*add, "hubspot", "--secret-file", str(tmp_path / "secret")).stdout)
    assert added["secret"] == f"file:{tmp_path / 'secret'}"
    both = tenure(*add, "jira", "--secret-env", "A", "--secret-file", "b")
    assert both.exit_code == 2 and "cannot stand in two places" in both.output


def test_mistakes_name_the_reason_and_the_next_step() -> None:
    wrong = tenure("hook", "add", "--tenant", "acme", "--system", "salesforce")
    assert wrong.exit_code == 2 and "known: asana, hubspot, jira, standard, stripe" in wrong.output
    wrong = tenure("hook", "revoke", "--tenant", "acme", "--name", "stripe")
    assert wrong.exit_code == 2 and "known: none yet" in wrong.output and "next:" in wrong.output


def test_revoking_says_so() -> None:
    tenure("hook", "add", "--tenant", "acme", "--system", "stripe")
    assert "revoked" in tenure("hook", "revoke", "--tenant", "acme", "--name", "stripe").output
