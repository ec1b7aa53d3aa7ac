"""What a person at the command line gets: help at once, figures, and errors with a next step."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.cli.running.run import print_result
from orchestration.publish.held import held_tenants
from orchestration.run import RunResult
from warehouse_models import home
from warehouse_models.published.manifest import Manifest
from warehouse_models.published.publication import FailedCheck, Publication


def tenure(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    """A second of imports before the first line of help would come from one of these."""
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom orchestration.cli import app\n"
        "output = CliRunner().invoke(app, ['--help']).output\n"
        "heavy = {'dagster', 'duckdb', 'deltalake', 'pyarrow', 'pandas', 'yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy\nprint(output)"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    commands = ("demo", "run", "up", "down", "status", "doctor", "land", "quarantine", "sql", "tenant", "user")
    for command in (*commands, "source", "collector"):
        assert command in process.stdout


@pytest.mark.parametrize(
    ("arguments", "thing"),
    [
        (("run",), "there is no tenant yet"),
        (("run", "--engine", "pandas"), "there is no such engine"),
        (("run", "--tenant", "nobody"), "the catalog does not know it"),
        (("tenant", "add", "Acme Inc."), "a name is"),
        (("tenant", "set", "acme", "no equals sign"), "it is not KEY=VALUE"),
        (("land", "--tenant", "acme", "--object", "events", "no-such-file.jsonl"), "there is no such file"),
        (("sql", "SELECT 1"), "nothing is published"),
        (("sql",), "no statement was given"),
        (("user", "list"), "it is not set up"),
        (("source", "add", "--tenant", "nobody", "--name", "web"), "the catalog does not know it"),
        (("collector", "serve", "--host", "0.0.0.0"), "plain HTTP would show keys"),
        (("collector", "serve", "--tls-cert", "no-such.pem"), "go together"),
        (("collector", "serve", "--tls-cert", "no-such.pem", "--tls-key", "no-such.pem"), "there is no such file"),
        (("collector", "serve", "--host", "192.0.2.1", "--allow-http"), "it cannot be listened to"),
    ],
)
def test_a_mistake_gets_a_reason_and_a_next_step_and_no_traceback(
    tenure_home: Path, arguments: tuple[str, ...], thing: str
) -> None:
    result = tenure(*arguments)
    assert result.exit_code == 2
    assert thing in result.stderr
    assert "next:" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", [("sql", "SELECT 1"), ("run",), ("quarantine", "list")])
def test_an_empty_tenant_is_nobody_and_never_everybody(tenure_home: Path, command: tuple[str, ...]) -> None:
    assert tenure("tenant", "add", "acme").exit_code == 0
    result = tenure(*command, "--tenant", "")
    assert result.exit_code == 2 and "next:" in result.stderr


@pytest.mark.parametrize("pair", ["self=1", "slug=x", "nonsense="])
def test_a_setting_that_does_not_exist_is_refused_whatever_its_name(tenure_home: Path, pair: str) -> None:
    assert tenure("tenant", "add", "acme").exit_code == 0
    result = tenure("tenant", "set", "acme", pair)
    assert result.exit_code == 2 and "known settings" in result.stderr


def test_a_tenants_name_is_one_line(tenure_home: Path) -> None:
    assert tenure("tenant", "add", "acme\n").exit_code == 2


def test_a_tenant_is_added_listed_and_changed(tenure_home: Path) -> None:
    assert tenure("shard", "add", "own", "--dedicated").exit_code == 0
    assert tenure("tenant", "add", "acme", "--shard", "own", "--name", "Acme").exit_code == 0
    assert tenure("tenant", "set", "acme", "session_gap_minutes=20", "state=suspended").exit_code == 0
    listed = json.loads(tenure("tenant", "list", "--json").stdout)
    assert [(row["tenant"], row["shard"], row["state"], row["version"]) for row in listed] == [
        ("acme", "own", "suspended", 2)
    ]
    assert listed[0]["settings"] == {"session_gap_minutes": 20}
    shards = {row["shard"]: row["tenants"] for row in json.loads(tenure("shard", "list", "--json").stdout)}
    assert shards == {"own": 1, "pool": 0}


def test_a_tracking_plan_is_set_from_a_file_shown_and_taken_back(tenure_home: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("version: 3\nevents: {Report Created: {feature: reports}, Beat: {ignore: true}}\n")
    tenure("tenant", "add", "acme")
    result = tenure("tenant", "set", "acme", f"tracking_plan={plan}")
    assert result.exit_code == 0 and "tracking_plan=version 3 (2 events)" in result.stdout
    assert "version 3 (2 events)" in tenure("tenant", "list").stdout
    listed = json.loads(tenure("tenant", "list", "--json").stdout)[0]
    assert listed["settings"]["tracking_plan"]["events"]["Report Created"] == {"feature": "reports"}
    plan.write_text("version: 3\nevents: {Report Created: {features: reports}}\n")
    refused = tenure("tenant", "set", "acme", f"tracking_plan={plan}")
    assert refused.exit_code == 2 and "known keys: feature, ignore, required" in refused.stderr
    tenure("tenant", "set", "acme", "tracking_plan=")
    listed = json.loads(tenure("tenant", "list", "--json").stdout)[0]
    assert (listed["settings"], listed["version"]) == ({}, 3)


def test_a_landed_file_is_counted_and_its_bad_row_is_shown_with_a_reason(tenure_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    good = {"messageId": "1", "type": "track", "event": "Opened", "userId": "u", "timestamp": "2026-01-01T10:00:00Z"}
    file.write_text(json.dumps(good) + "\nthis is no JSON\n")
    tenure("tenant", "add", "acme")
    result = tenure("land", "--tenant", "acme", "--object", "events", str(file), "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert (report["accepted"], report["duplicate"], report["quarantined"]) == (1, 0, 1)
    again = json.loads(tenure("land", "--tenant", "acme", "--object", "events", str(file), "--json").stdout)
    assert again["accepted"] == 0
    refused = json.loads(tenure("quarantine", "list", "--json").stdout)
    assert [(row["file"], row["line"], row["payload"]) for row in refused] == [("events.jsonl", 2, "this is no JSON")]
    assert "JSON" in refused[0]["reason"]


def test_the_quarantine_is_listed_counted_and_replayed_from_the_command_line(tenure_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    good = {"messageId": "m1", "type": "track", "event": "Opened", "userId": "u1", "timestamp": "2024-03-01T10:00:00Z"}
    file.write_text("{broken\n" + json.dumps(good) + "\n{broken too\n")
    tenure("tenant", "add", "acme")
    tenure("land", "--tenant", "acme", "--object", "events", str(file))
    result = tenure("quarantine", "list", "--limit", "1")
    assert result.exit_code == 0 and "not_json" in result.stdout and "{broken" in result.stdout
    assert "rows 1 to 1 of 2; the next: --offset 1" in result.stdout
    counted = json.loads(tenure("quarantine", "list", "--by-reason", "--json").stdout)
    assert [(row["reason"], row["rows"]) for row in counted] == [("not_json", 2)]
    mended = tmp_path / "mended.jsonl"
    mended.write_text(json.dumps(good | {"messageId": "m0"}) + "\n\n{broken still\n")
    arguments = ("quarantine", "replay", "--tenant", "acme", "--object", "events", "--json")
    nothing = json.loads(tenure(*arguments, "--from", str(mended)).stdout)
    assert nothing["accepted"] == nothing["refused"] == 0
    report = json.loads(tenure(*arguments, "--file", "events.jsonl", "--from", str(mended)).stdout)
    assert (report["accepted"], report["refused"], report["reasons"]) == (1, 1, {"not_json": 1})
    assert "{broken too" in tenure("quarantine", "list").stdout
    shown = tenure("quarantine", "replay", "--tenant", "acme")
    assert "0 accepted, 0 known already, 1 refused still" in shown.stdout
    assert tenure("quarantine", "replay", "--tenant", "acme", "--map", "nowhere").exit_code == 2


def test_the_help_of_land_names_the_maps_that_come_with_tenure() -> None:
    from connectors.systems.discovery import shipped_maps

    help_text = " ".join(tenure("land", "--help").stdout.replace("│", " ").split())
    assert "connectors/systems/*/maps/" in help_text
    assert all(name in help_text for name in shipped_maps())


def test_status_and_doctor_work_in_an_empty_home_and_write_nothing_but_logs(tenure_home: Path) -> None:
    status = json.loads(tenure("status", "--json").stdout)
    assert {service["state"] for service in status["services"]} == {"stopped"}
    assert status["tenants"] == []
    findings = json.loads(tenure("doctor", "--json").stdout)
    assert any(finding["thing"] == "catalog" and finding["mend"] for finding in findings)
    assert tenure("down").exit_code == 0
    assert not (tenure_home / "lake").exists()


def held_manifest() -> Manifest:
    """One tenant held since 3 November, one green."""
    published_at, figures_at = datetime(2026, 11, 4, 8, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC)
    green = Publication(
        shard="pool", version=3, run=1, judged=2, published_at=published_at, figures_at=figures_at,
        data_through=date(2026, 11, 2),
    )  # fmt: skip
    checks = (
        FailedCheck("unique_key_int_user_days", "dbt", "int_user_days", "w", 1200),
        FailedCheck("gold_out_dim_users_keys_are_unique", "gold_out", "gold/dim_users", rows=1),
    )
    held = replace(
        green,
        is_held=True,
        held_since=datetime(2026, 11, 3, 7, 30, tzinfo=UTC),
        held_reason="Held since 3 Nov: some users appear twice on one day; figures are of 2 Nov",
        checks_failed=2,
        failed_checks=checks,
    )
    return Manifest(7, published_at, {"acme": green, "bolt": held})


HELD = (
    "bolt",
    "Held since 3 Nov: some users appear twice on one day; figures are of 2 Nov",
    "unique_key_int_user_days (int_user_days, 1,200 rows)",
    "since 2026-11-03 07:30 UTC",
    "next:  see the failing rows in Dagster under int_user_days",
)


def test_status_names_the_held_tenant_the_check_since_when_and_the_next_step(tenure_home: Path) -> None:
    held_manifest().write(home.published_root())
    result = tenure("status")
    assert result.exit_code == 0
    for words in HELD:
        assert words in result.stdout, words
    (held,) = json.loads(tenure("status", "--json").stdout)["held"]
    assert (held["tenant"], held["since"][:10]) == ("bolt", "2026-11-03")
    assert held["checks"][0]["check"] == "unique_key_int_user_days"
    assert held["next_step"]


def test_a_run_ends_by_naming_the_held_tenants_like_status(capsys: pytest.CaptureFixture[str]) -> None:
    result = RunResult("pool", "1", succeeded=True, seconds=1.0, held=held_tenants(held_manifest(), "pool"))
    assert held_tenants(held_manifest(), "other") == []
    print_result(result)
    output = capsys.readouterr().out
    for words in HELD:
        assert words in output, words
