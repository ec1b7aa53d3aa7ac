"""The published figures of the real samples equal the independent answers beside them, row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Published

pytestmark = pytest.mark.slow


def answers(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def assert_sparse_equal(
    ours: Iterable[tuple[Any, ...]], theirs: dict[tuple[Any, ...], tuple[int, ...]], keys: int
) -> None:
    """Every row of the sparse answers is ours, and our spined rows that the answers lack are zero."""
    by_key = {row[:keys]: tuple(row[keys:]) for row in ours}
    assert {key: by_key.get(key) for key in theirs} == theirs
    extra = {key: row for key, row in by_key.items() if key not in theirs and any(row)}
    assert extra == {}


def test_git_history_totals(published: Published) -> None:
    (wanted,) = answers(published.folder("git_history") / "expected" / "totals.csv")
    ((events, users, accounts, late),) = published.rows(
        "git_history",
        "SELECT count(*), count(DISTINCT user_id), count(DISTINCT account_id), "
        "count(*) FILTER (received_at > event_time + INTERVAL 1 DAY) FROM marts.fct_events",
    )
    ((sessions,),) = published.rows("git_history", "SELECT count(*) FROM marts.fct_sessions")
    assert [events, users, accounts, sessions, late] == [int(value) for value in wanted.values()]


@pytest.mark.parametrize(
    ("sample", "file", "names"),
    [
        ("git_history", "sessions_by_user_30min.csv", ("started_at", "ended_at")),
        ("ecom_clickstream", "sessions_30min.csv", ("session_start", "session_end")),
        ("ecom_clickstream", "sessions_from_peer_session_id.csv", ("session_start", "session_end")),
    ],
)
def test_sessions_equal_the_answers(published: Published, sample: str, file: str, names: tuple[str, str]) -> None:
    theirs = [
        (
            row["user_id"],
            datetime.fromisoformat(row[names[0]]),
            datetime.fromisoformat(row[names[1]]),
            int(row["events"]),
        )
        for row in answers(published.folder(sample) / "expected" / file)
    ]
    ours = published.rows(
        sample,
        "SELECT user_id, CAST(started_at AS TIMESTAMP), CAST(ended_at AS TIMESTAMP), events FROM marts.fct_sessions",
    )
    assert sorted(ours) == sorted(theirs)


def test_git_history_account_months(published: Published) -> None:
    theirs = {
        (row["account_id"], date.fromisoformat(row["month"])): tuple(
            int(row[name]) for name in ("events", "active_users", "active_days")
        )
        for row in answers(published.folder("git_history") / "expected" / "account_month.csv")
    }
    ours = published.rows(
        "git_history",
        "SELECT account_id, month, events, active_users, active_days FROM marts.fct_account_engagement_monthly",
    )
    assert_sparse_equal(ours, theirs, keys=2)


@pytest.mark.parametrize(
    ("sample", "file", "users"),
    [("git_history", "expected/active_daily.csv", "active_users"), ("crm_product", "expected_daily.csv", "dau")],
)
def test_daily_figures_equal_the_answers(published: Published, sample: str, file: str, users: str) -> None:
    theirs = {
        (date.fromisoformat(row["day"]),): (int(row["events"]), int(row[users]), int(row["active_accounts"]))
        for row in answers(published.folder(sample) / file)
    }
    ours = published.rows(sample, "SELECT date, events, dau, active_accounts FROM marts.fct_product_engagement_daily")
    assert_sparse_equal(ours, theirs, keys=1)


def test_ecom_dau_wau_mau_and_their_ratio(published: Published) -> None:
    theirs = {
        date.fromisoformat(row["date"]): (
            *(int(row[name]) for name in ("events", "dau", "wau_trailing7", "mau_trailing30")),
            pytest.approx(float(row["stickiness_dau_mau30"]), abs=1e-6),
        )
        for row in answers(published.folder("ecom_clickstream") / "expected" / "active_users_daily.csv")
    }
    ours = published.rows(
        "ecom_clickstream",
        "SELECT date, events, dau, wau, mau, dau_mau_ratio FROM marts.fct_product_engagement_daily",
    )
    assert {row[0]: row[1:] for row in ours} == theirs


def test_ecom_iso_weeks_and_calendar_months(published: Published) -> None:
    folder = published.folder("ecom_clickstream") / "expected"
    weeks = {
        date.fromisocalendar(int(row["iso_week"][:4]), int(row["iso_week"][-2:]), 1): int(row["wau_iso"])
        for row in answers(folder / "wau_iso.csv")
    }
    months = {
        date.fromisoformat(row["month"] + "-01"): int(row["mau_calendar"])
        for row in answers(folder / "mau_calendar.csv")
    }
    ours = published.rows(
        "ecom_clickstream", "SELECT week_start, active_users FROM marts.fct_product_engagement_weekly"
    )
    assert_sparse_equal(ours, {(week,): (users,) for week, users in weeks.items()}, keys=1)
    ours = published.rows("ecom_clickstream", "SELECT month, active_users FROM marts.fct_product_engagement_monthly")
    assert_sparse_equal(ours, {(month,): (users,) for month, users in months.items()}, keys=1)


def test_ecom_cohorts(published: Published) -> None:
    theirs = {
        (date.fromisoformat(row["cohort_month"] + "-01"), int(row["month_age"])): (
            int(row["cohort_size"]),
            int(row["active"]),
        )
        for row in answers(published.folder("ecom_clickstream") / "expected" / "cohort_retention_monthly.csv")
    }
    ours = published.rows(
        "ecom_clickstream", "SELECT cohort_month, age_months, users, active_users FROM marts.fct_user_cohorts"
    )
    by_key = {row[:2]: row[2:] for row in ours}
    assert {key: by_key.get(key) for key in theirs} == theirs
    assert all(active == 0 for key, (_, active) in by_key.items() if key not in theirs)


def test_spines_have_every_day_to_data_through(published: Published) -> None:
    ((first, last, days),) = published.rows(
        "git_history", "SELECT min(date), max(date), count(*) FROM marts.fct_product_engagement_daily"
    )
    assert last - first == timedelta(days=days - 1)
