"""Ranges of days are merged by one macro (`macros/slices/islands.sql`): no day is in two of what comes out."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import duckdb
import jinja2
import pytest

from warehouse_models.dbt.marts import PROJECT

MACRO = PROJECT / "macros" / "slices" / "islands.sql"
Row = tuple[str, str, date, date, int]


def merged(rows: list[Row], sql: str) -> list[tuple[Any, ...]]:
    """What DuckDB makes of the macro's SQL over a table `moved` of `rows`."""
    with duckdb.connect() as connection:
        connection.execute("create table moved (tenant_id text, account text, from_date date, to_date date, as_of int)")
        listed = ", ".join(f"('{tenant}', '{account}', '{a}', '{b}', {n})" for tenant, account, a, b, n in rows)
        connection.execute(f"insert into moved values {listed}")
        return connection.execute(sql).fetchall()


def sql(*arguments: Any, **options: Any) -> str:
    """The macro's text."""
    return str(jinja2.Template(MACRO.read_text()).module.islands(*arguments, **options))  # type: ignore[attr-defined]


def in_words(rows: list[Row]) -> set[tuple[str, date, date]]:
    """The same by a loop: the longest stretches of days of which each is in some range."""
    stretches: list[tuple[str, date, date]] = []
    for tenant, _, first, last, _ in sorted(rows):
        if stretches and stretches[-1][0] == tenant and first <= stretches[-1][2] + timedelta(1):
            stretches[-1] = (tenant, stretches[-1][1], max(stretches[-1][2], last))
        else:
            stretches.append((tenant, first, last))
    return set(stretches)


def day(number: int) -> date:
    return date(2024, 1, 1) + timedelta(number)


# Where two windows meet equal rows in different orders, they must not be counted one by one. DuckDB 1.5.5 keeps their
# order in small tables and mostly in much larger ones, so the size matters: with a count by rows every seed here fails.
@pytest.mark.parametrize("seed", range(4))
def test_of_many_equal_ranges_no_two_islands_share_or_touch_a_day(seed: int) -> None:
    random, moved = Random(seed), []
    for _ in range(2_000):
        first = 4 * random.randrange(10)
        moved.append((f"t{random.randrange(100)}", "", day(first), day(first + random.randrange(3)), 0))
    islands = merged(moved, sql("moved"))
    assert len(islands) == len(set(islands))
    assert set(islands) == in_words(moved)


def test_ranges_that_overlap_touch_or_lie_in_another_are_one_and_a_free_day_parts_them() -> None:
    moved = [
        ("a", "x", day(0), day(9), 1), ("a", "x", day(2), day(3), 2), ("a", "x", day(10), day(11), 3),
        ("a", "x", day(13), day(14), 4), ("a", "y", day(12), day(12), 5), ("b", "x", day(12), day(12), 6),
    ]  # fmt: skip
    assert sorted(merged(moved, sql("moved"))) == [("a", day(0), day(14)), ("b", day(12), day(12))]
    apart = sql("moved", keys=["tenant_id", "account"], also="max(as_of) as as_of")
    assert sorted(merged(moved, apart)) == [
        ("a", "x", day(0), day(11), 3), ("a", "x", day(13), day(14), 4),
        ("a", "y", day(12), day(12), 5), ("b", "x", day(12), day(12), 6),
    ]  # fmt: skip
