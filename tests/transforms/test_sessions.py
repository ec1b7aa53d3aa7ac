"""Sessions by hand: the gap of exactly 30 minutes, and runs over midnight (METRICS §1).

Random histories alone let `>=` pass for `>` at the gap: they rarely put one visitor exactly 30 minutes apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes import land_rows, silver
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake


def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: list[str]) -> list[tuple[str, int]]:
    """(start, events) of the sessions of one user with events at `times`, in order."""
    rows = [{"type": "page", "userId": "u", "messageId": str(i), "timestamp": t} for i, t in enumerate(times)]
    lake = landed(tmp_path, monkeypatch, rows)
    return sorted(silver(lake, "silver/product/sessions", "strftime(started_at, '%d %H:%M'), events"))


def landed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> Lake:
    """A lake whose one tenant has these events, in silver."""
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "home"))
    lake = Lake()
    Catalog(lake).add_tenant("acme")
    land_rows(lake, "acme", "events", rows, tmp_path / "drop")
    run_transforms(lake, "pool")
    return lake


def test_a_gap_of_exactly_thirty_minutes_continues_and_a_microsecond_more_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = ["2024-03-01T10:00:00Z", "2024-03-01T10:30:00Z", "2024-03-01T11:00:00.000001Z"]
    assert sessions(tmp_path, monkeypatch, times) == [("01 10:00", 2), ("01 11:00", 1)]


def test_the_account_is_that_of_the_first_event_and_of_two_at_once_that_of_the_smaller_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = "2024-03-01T10:00:00Z"
    rows = [{"timestamp": at, "messageId": m, "context": {"groupId": g}} for m, g in (("m1", "zeta"), ("m2", "acme"))]
    rows.append({"timestamp": "2024-03-01T10:10:00Z", "messageId": "m0", "context": {"groupId": "acme"}})
    lake = landed(tmp_path, monkeypatch, [{"type": "page", "userId": "u"} | row for row in rows])
    assert silver(lake, "silver/product/sessions", "account_id, events") == [("zeta", 3)]


def test_a_user_and_an_anonymous_id_of_one_spelling_are_two_visitors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ["userId", "anonymousId", "userId", "anonymousId"]
    # 40 minutes apart each, with the other's event in between.
    clocks = ["10:00", "10:20", "10:40", "11:00"]
    rows = [{"timestamp": f"2024-03-01T{t}:00Z", name: "x"} for t, name in zip(clocks, ids, strict=True)]
    lake = landed(tmp_path, monkeypatch, [{"type": "page", "messageId": str(i)} | r for i, r in enumerate(rows)])
    visitors = silver(lake, "silver/product/sessions", "user_id, anonymous_id, events")
    assert sorted(visitors, key=str) == [("x", None, 1)] * 2 + [(None, "x", 1)] * 2


def test_a_session_over_one_midnight_is_one_and_belongs_to_the_day_it_starts_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = ["2024-03-01T23:50:00Z", "2024-03-02T00:10:00Z"]
    assert sessions(tmp_path, monkeypatch, times) == [("01 23:50", 2)]


def test_a_monitor_that_never_stops_is_cut_each_day_after_its_first_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # From 23:40 on the 1st, every 20 min to 00:00 on the 4th: the run began before 00:00 of the 2nd, so it is cut at
    # 00:00 of the 3rd and of the 4th. 1 event on the 1st and 72 on the 2nd; 72 on the 3rd; 1 on the 4th.
    minutes = [23 * 60 + 40 + 20 * i for i in range(146)]
    times = [f"2024-03-{1 + m // 1440:02d}T{m % 1440 // 60:02d}:{m % 60:02d}:00Z" for m in minutes]
    assert sessions(tmp_path, monkeypatch, times) == [("01 23:40", 73), ("03 00:00", 72), ("04 00:00", 1)]
