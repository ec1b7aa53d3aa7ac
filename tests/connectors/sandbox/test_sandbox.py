"""The sandbox world: the same for the same seed, disorderly as life is, and true to the answers written beside it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.landing.land import land
from connectors.sandbox import SimulatedTenant, TenantFiles, World, default_tenants, write_world
from tests.connectors.conftest import Drop

DAYS = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> list[TenantFiles]:
    return write_world(tmp_path_factory.mktemp("world"), World(seed=11, days=DAYS))


def lines(files: TenantFiles) -> list[dict[str, Any]]:
    with gzip.open(files.events) as file:
        return [json.loads(line) for line in file]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def totals(files: TenantFiles) -> dict[str, int]:
    return json.loads((files.truth / "totals.json").read_text())


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _event_time(row: dict[str, Any]) -> datetime:
    """METRICS §1 in plain Python."""
    received, sent = _moment(row.get("receivedAt")), _moment(row.get("sentAt"))
    original, own = _moment(row.get("originalTimestamp")), _moment(row.get("timestamp"))
    assert received is not None
    corrected = None if sent is None or original is None else received - (sent - original)
    return min(corrected or own or original or received, received + timedelta(minutes=5))


def test_the_demo_has_two_tenants_in_the_pool_and_one_in_a_shard_of_its_own() -> None:
    assert [tenant.shard for tenant in default_tenants()] == ["pool", "pool", "kestrel"]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_world(tmp_path: Path) -> None:
    tenant = SimulatedTenant("tiny", "Tiny", accounts=4, features=default_tenants()[0].features, csms=("A",))

    def digest(name: str, seed: int) -> str:
        made = write_world(tmp_path / name, World(seed=seed, days=20, tenants=[tenant]))
        paths = [made[0].events, made[0].accounts, made[0].users, *sorted(made[0].truth.iterdir())]
        return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()

    assert digest("a", 1) == digest("b", 1) != digest("c", 2)


def test_the_world_holds_every_kind_of_disorder(world: list[TenantFiles]) -> None:
    for files in world:
        said = lines(files)
        seen: dict[str, dict[str, Any]] = {}
        kinds = defaultdict(int)
        for row in said:
            kinds[row["type"]] += 1
            kinds["copy"] += row["messageId"] in seen
            kinds["altered copy"] += row["messageId"] in seen and row != seen[row["messageId"]]
            seen.setdefault(row["messageId"], row)
            received, at = _moment(row["receivedAt"]), _event_time(row)
            assert received is not None
            kinds["late by hours"] += received - at > timedelta(hours=2)
            kinds["skewed"] += abs((_moment(row.get("originalTimestamp")) or at) - at) > timedelta(minutes=1)
            kinds["offset"] += not row["timestamp"].endswith("Z")
            kinds["anonymous"] += "userId" not in row
            kinds["claim"] += "userId" in row and "anonymousId" in row
            kinds["no account in context"] += "groupId" not in row["context"]
        wanted = ("track", "page", "identify", "group", "alias", "copy", "altered copy", "late by hours", "skewed")
        wanted += ("offset", "anonymous", "claim", "no account in context")
        assert all(kinds[kind] > 0 for kind in wanted), dict(kinds)
        assert len(said) == totals(files)["lines"] and len(seen) == totals(files)["events"]


def test_files_are_written_nearly_but_not_wholly_in_order_of_receipt(world: list[TenantFiles]) -> None:
    received = [row["receivedAt"] for row in lines(world[0])]
    assert received != sorted(received)


def test_a_naive_reading_of_the_files_by_the_rule_finds_the_true_events_of_each_day(world: list[TenantFiles]) -> None:
    for files in world:
        first: dict[str, dict[str, Any]] = {}
        for row in lines(files):
            kept = first.get(row["messageId"])
            if kept is None or _moment(row["receivedAt"]) < _moment(kept["receivedAt"]):  # type: ignore[operator]
                first[row["messageId"]] = row
        days = defaultdict(int)
        for row in first.values():
            days[_event_time(row).date().isoformat()] += 1
        assert {row["date"]: int(row["events"]) for row in rows(files.truth / "users_daily.csv")} == {
            row["date"]: days[row["date"]] for row in rows(files.truth / "users_daily.csv")
        }
        assert sum(days.values()) == totals(files)["events"]


def test_true_sessions_of_a_person_lie_more_than_30_minutes_apart_but_for_a_cut_at_midnight(
    world: list[TenantFiles],
) -> None:
    cuts = 0
    for files in world:
        last: dict[str, datetime] = {}
        for row in sorted(rows(files.truth / "sessions.csv"), key=lambda row: row["started_at"]):
            who = row["user_id"] or row["anonymous_id"]
            start, end = (datetime.fromisoformat(row[name]) for name in ("started_at", "ended_at"))
            assert start <= end and int(row["events"]) >= 1
            if who in last and start - last[who] <= timedelta(minutes=30):
                assert who.endswith("monitor") and start.date() > last[who].date()
                cuts += 1
            last[who] = end
    assert cuts > 3


def test_lifecycles_differ_some_accounts_fall_silent_and_some_never_log_in(world: list[TenantFiles]) -> None:
    end = World().last_day
    for files in world:
        last: dict[str, date] = {}
        for row in rows(files.truth / "active_days.csv"):
            last[row["account_id"]] = max(last.get(row["account_id"], date.min), date.fromisoformat(row["date"]))
        account_ids = {row["account_id"] for row in rows(files.accounts)}
        assert "unresolved" in last and set(last) - account_ids == {"unresolved"}
        assert account_ids - set(last), "an account that never logged in"
        assert any(day < end - timedelta(days=7) for account, day in last.items() if account in account_ids)


def test_weekends_are_quieter(world: list[TenantFiles]) -> None:
    for files in world:
        by_weekday = defaultdict(int)
        for row in rows(files.truth / "users_daily.csv"):
            by_weekday[date.fromisoformat(row["date"]).weekday() >= 5] += int(row["dau"])
        assert by_weekday[True] / 2 < by_weekday[False] / 5


def test_wau_and_mau_count_users_once_and_grow_with_the_window(world: list[TenantFiles]) -> None:
    for row in rows(world[0].truth / "users_daily.csv"):
        assert int(row["dau"]) <= int(row["wau"]) <= int(row["mau"])


def test_a_world_lands_with_nothing_refused_and_only_its_exact_copies_as_duplicates(
    drop: Drop, world: list[TenantFiles]
) -> None:
    files = world[1]
    drop.catalog.add_tenant(files.slug)

    def lands(object: str, path: Path) -> tuple[int, int, int]:
        report = land(drop.lake, drop.catalog, files.slug, object, [path])
        return report.accepted, report.duplicate, report.quarantined

    true = totals(files)
    copies = true["exact_copies"]
    assert lands("events", files.events) == (true["lines"] - copies, copies, 0)
    assert lands("accounts", files.accounts) == (len(rows(files.accounts)), 0, 0)
    assert lands("users", files.users) == (len(files.users.read_text().splitlines()), 0, 0)


Progress = Callable[[str, int], None]


def test_progress_is_told_day_by_day(tmp_path: Path) -> None:
    tenant = SimulatedTenant("tiny", "Tiny", accounts=2, features=default_tenants()[0].features, csms=("A",))
    seen: list[tuple[str, int]] = []
    tell: Progress = lambda slug, day: seen.append((slug, day))  # noqa: E731
    write_world(tmp_path, World(days=3, tenants=[tenant]), on_progress=tell)
    assert seen == [("tiny", 1), ("tiny", 2), ("tiny", 3)]
