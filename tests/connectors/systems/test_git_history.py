"""Any git repository as a tenant: small ones, odd ones, several at once; no address leaves it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from connectors.systems.git.history import read_git
from tests.connectors.conftest import Drop
from warehouse_models.errors import TenureError


def git(folder: Path, *arguments: str, **more: str) -> None:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", **more}
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=env)


def commit(folder: Path, files: dict[str, str], email: str, when: str, committed: str | None = None) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "-A")
    who = {"GIT_AUTHOR_NAME": "Secret Name", "GIT_AUTHOR_EMAIL": email, "GIT_AUTHOR_DATE": when}
    who |= {"GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@c.example", "GIT_COMMITTER_DATE": committed or when}
    git(folder, "commit", "--allow-empty", "--no-gpg-sign", "-m", "a\n\nb \x1f line", **who)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "widget"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, {"src/a.py": "1", "src/b.py": "1", "README": "x"}, "Ada@Alpha.example", "2024-03-01T23:30:00-05:00")
    commit(
        folder,
        {"docs/ü x.md": "1", "src/a.py": "2"},
        "ben@beta.example",
        "2024-03-02T10:00:00+02:00",
        "2024-03-05T10:00:00Z",
    )
    commit(folder, {}, "ada@alpha.example", "2024-03-03T10:00:00Z")
    return folder


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_commit_is_one_event_for_each_top_folder_it_touched(repository: Path, tmp_path: Path) -> None:
    made = read_git([repository], tmp_path / "out")
    said = events(made.events)
    assert [(row["event"], row["properties"]["files"]) for row in said] == [
        ("root", 1),
        ("src", 2),
        ("docs", 1),
        ("src", 1),
        ("commit", 0),
    ]
    assert (made.commits, made.event_count, made.user_count, made.account_count, made.is_shallow) == (3, 5, 2, 2, False)


def test_the_authors_time_is_the_event_and_the_commit_its_receipt(repository: Path, tmp_path: Path) -> None:
    said = events(read_git([repository], tmp_path / "out").events)
    assert (said[0]["timestamp"], said[0]["receivedAt"]) == ("2024-03-01T23:30:00-05:00", "2024-03-01T23:30:00-05:00")
    assert said[2]["timestamp"] == "2024-03-02T10:00:00+02:00" and said[2]["receivedAt"].startswith(
        "2024-03-05T10:00:00"
    )


def test_an_account_is_an_email_domain_and_no_address_or_name_leaves(repository: Path, tmp_path: Path) -> None:
    made = read_git([repository], tmp_path / "out", salt="t1")
    assert {row["account_id"] for row in events(made.accounts)} == {"alpha.example", "beta.example"}
    for path in (made.events, made.accounts, made.users):
        text = path.read_text().lower()
        assert "@" not in text and "ada" not in text and "secret" not in text
    users = {row["user_id"] for row in events(made.users)}
    assert users == {row["userId"] for row in events(made.events)} and all(len(user) == 16 for user in users)
    other = read_git([repository], tmp_path / "other", salt="t2")
    assert users.isdisjoint(row["user_id"] for row in events(other.users))


def test_of_several_repositories_each_is_an_account(repository: Path, tmp_path: Path) -> None:
    second = tmp_path / "gadget"
    second.mkdir()
    git(second, "init", "-q", "-b", "main")
    commit(second, {"x": "1"}, "ada@alpha.example", "2024-01-01T10:00:00Z")
    made = read_git([repository, second], tmp_path / "out")
    assert {row["account_id"] for row in events(made.accounts)} == {"widget", "gadget"}
    assert {row["context"]["groupId"] for row in events(made.events)} == {"widget", "gadget"}


def test_a_folder_inside_a_repository_stands_for_the_whole(repository: Path, tmp_path: Path) -> None:
    assert read_git([repository / "src"], tmp_path / "out").commits == 3


def test_a_shallow_clone_is_read_as_far_as_it_goes_and_says_so(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    made = read_git([tmp_path / "shallow"], tmp_path / "out")
    assert made.is_shallow and made.commits == 1
    # A clone is named after what it was cloned from.
    assert events(made.events)[0]["properties"]["repository"] == "widget"


def test_a_bare_repository_is_read_too(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    assert read_git([tmp_path / "bare.git"], tmp_path / "out").commits == 3


@pytest.mark.parametrize("kind", ["nothing", "absent", "file", "empty", "none"])
def test_what_is_no_readable_history_is_refused_by_name_with_the_reason(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind in ("nothing", "empty"):
        path.mkdir()
    if kind == "file":
        path.write_text("x")
    if kind == "empty":
        git(path, "init", "-q")
    with pytest.raises(TenureError) as error:
        read_git([] if kind == "none" else [path], tmp_path / "out")
    assert error.value.why and error.value.next_step


def test_this_kind_of_tenant_lands_whole_and_again_adds_nothing(drop: Drop, repository: Path, tmp_path: Path) -> None:
    made = read_git([repository], tmp_path / "out")
    for object, path, count in (("events", made.events, 5), ("accounts", made.accounts, 2), ("users", made.users, 2)):
        report = drop.land(object, path)
        assert (report.accepted, report.quarantined) == (count, 0)
    commit(repository, {"src/c.py": "1"}, "ada@alpha.example", "2024-03-04T10:00:00Z")
    grown = read_git([repository], tmp_path / "out")
    assert drop.land("events", grown.events).accepted == 1
    assert drop.land("users", grown.users).accepted == 0
