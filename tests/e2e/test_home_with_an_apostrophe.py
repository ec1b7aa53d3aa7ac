"""A folder may be called anything: all the way from files to figures below a path that SQL has to quote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app


def tenure(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result


def events(folder: Path, day: int, message_id: str) -> str:
    sent = f"2026-01-{day:02d}T10:00:00Z"
    ids = {"userId": "u1", "context": {"groupId": "g1"}}
    good = {"type": "track", "event": "Opened", "messageId": message_id, "timestamp": sent, "receivedAt": sent, **ids}
    path = folder / f"day {day}.jsonl"
    path.write_text(json.dumps(good) + "\n{broken\n", encoding="utf-8")
    return str(path)


@pytest.mark.slow
def test_a_home_whose_path_holds_an_apostrophe_is_landed_built_published_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TENURE_LAKE", raising=False)
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "O'Neill's home"))
    tenure("tenant", "add", "acme")
    count = ("sql", "--tenant", "acme", "--format", "csv", "select count(*) as events from fct_events")
    # Twice: the second run is incremental, and publishes beside what the first one published.
    for day, message_id in ((1, "a"), (2, "b")):
        tenure("land", "--tenant", "acme", "--object", "events", events(tmp_path, day, message_id))
        tenure("run")
        assert tenure(*count).stdout.split() == ["events", str(day)]
    assert "not_json" in tenure("quarantine", "list", "--tenant", "acme").stdout
