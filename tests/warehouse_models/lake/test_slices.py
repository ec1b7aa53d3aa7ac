"""Slices say what is replaced; the predicate covers exactly what `closed` says, and never less than was asked."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from warehouse_models.lake.slices import (
    MAX_RUNS_PER_TENANT,
    closed,
    conditions,
    merged,
    predicate,
    runs,
    scans,
    union,
    widen,
)

DAY = date(2024, 2, 27)
days = st.frozensets(st.integers(0, 400).map(lambda n: DAY + timedelta(days=n)), max_size=90)
slices = st.dictionaries(st.sampled_from(("a", "b", "c")), st.one_of(st.none(), days), max_size=3)

ranges = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9)).map(
        lambda pair: (DAY + timedelta(days=pair[0]), DAY + timedelta(days=sum(pair)))
    ),
    max_size=8,
)


def of(parts: list[tuple[date, date]]) -> set[date]:
    """The days of ranges."""
    return {first + timedelta(days=step) for first, last in parts for step in range((last - first).days + 1)}


@given(ranges)
def test_merged_ranges_hold_the_same_days_and_a_free_day_parts_them(parts: list[tuple[date, date]]) -> None:
    joined = merged(parts)
    assert of(joined) == of(parts)
    assert all(after[0] - before[1] > timedelta(days=1) for before, after in zip(joined, joined[1:], strict=False))


@given(st.dictionaries(st.sampled_from(("a", "b", "c")), ranges, max_size=3))
def test_scans_bring_each_day_of_the_ranges_once_and_hold_one_range_each(
    asked: dict[str, list[tuple[date, date]]],
) -> None:
    terms = scans(asked, "day")
    assert all(term.count("DATE") <= 2 for term in terms)
    each = " UNION ALL ".join(f"SELECT tenant_id, day FROM rows WHERE {term}" for term in ["false", *terms])
    brought = duckdb.sql(
        f"""
        WITH rows AS (
            SELECT tenant_id, CAST(day AS DATE) AS day FROM (VALUES ('a'), ('b'), ('c')) AS tenants(tenant_id),
                (SELECT unnest(range(TIMESTAMP '2024-02-20', TIMESTAMP '2024-06-01', INTERVAL 1 DAY)) AS day)
        )
        {each}
        """
    ).fetchall()
    assert sorted(brought) == sorted((tenant, day) for tenant, parts in asked.items() for day in of(parts))


def test_scans_without_a_date_column_are_one_of_whole_tenants() -> None:
    assert scans({"b": [(DAY, DAY)], "a": []}, None) == ["(tenant_id IN ('a', 'b'))"]


@given(days)
def test_runs_cover_every_date_and_stay_few(dates: frozenset[date]) -> None:
    spans = runs(dates)
    assert all(any(first <= day <= last for first, last in spans) for day in dates)
    assert len(spans) <= MAX_RUNS_PER_TENANT
    assert all(before[1] < after[0] for before, after in zip(spans, spans[1:], strict=False))


@given(slices)
def test_predicate_selects_exactly_the_closed_slices(asked: dict[str, frozenset[date] | None]) -> None:
    rows = duckdb.sql(
        f"""
        SELECT tenant_id, CAST(day AS DATE) FROM (VALUES ('a'), ('b'), ('c')) AS tenants(tenant_id),
            (SELECT CAST(unnest(range(TIMESTAMP '2024-02-20', TIMESTAMP '2025-06-01', INTERVAL 1 DAY)) AS DATE) AS day)
        WHERE {predicate(asked, "day")}
        """
    ).fetchall()
    covered = closed(asked)
    every = {
        day
        for _, day in duckdb.sql(
            "SELECT 1, CAST(unnest(range(TIMESTAMP '2024-02-20', TIMESTAMP '2025-06-01', INTERVAL 1 DAY)) AS DATE)"
        ).fetchall()
    }
    wanted = {(t, day) for t, dates in covered.items() for day in (every if dates is None else dates)}
    assert set(rows) == wanted
    assert all(dates is None or asked[t] is not None and asked[t] <= dates for t, dates in covered.items())


@given(slices)
def test_no_row_meets_two_conditions_of_slices(asked: dict[str, frozenset[date] | None]) -> None:
    # An engine scans once for each: a row that met two would come twice.
    met = " + ".join(f"CAST(({term}) AS INTEGER)" for term in conditions(asked, "day")) or "0"
    most = duckdb.sql(
        f"""
        SELECT max({met}) FROM (VALUES ('a'), ('b'), ('c')) AS tenants(tenant_id),
            (SELECT CAST(unnest(range(TIMESTAMP '2024-02-20', TIMESTAMP '2025-06-01', INTERVAL 1 DAY)) AS DATE) AS day)
        """
    ).fetchall()
    assert most[0][0] <= 1


def test_a_whole_tenant_swallows_its_dates() -> None:
    assert union([{"a": frozenset({DAY})}, {"a": None}, {"b": frozenset({DAY})}]) == {"a": None, "b": frozenset({DAY})}


def test_a_window_of_reading_two_days_back_touches_two_days_ahead() -> None:
    reached = widen({"a": frozenset({DAY})}, before=1, after=2)
    assert reached == {"a": frozenset(DAY + timedelta(days=n) for n in (-1, 0, 1, 2))}


def test_the_month_term_spans_the_first_to_the_last_month() -> None:
    said = predicate({"a": frozenset({DAY, date(2024, 4, 2)})}, "day", "day_month")
    assert "day_month >= DATE '2024-02-01' AND day_month <= DATE '2024-04-01'" in said


def test_no_slices_select_nothing() -> None:
    assert predicate({}, "day") == "1 = 0"
