"""Whole months of a period by the macro of METRICS §2, counted from its start or from its end."""

from __future__ import annotations

import duckdb
import jinja2
import pytest

from warehouse_models.dbt.marts import PROJECT


@pytest.mark.parametrize(
    "start, end, months",
    [
        ("2023-01-15", "2023-04-15", 3),
        # From the end of a short month to that of a long one: only its end less a month is its start.
        ("2023-02-28", "2023-03-31", 1),
        ("2023-01-31", "2023-02-28", 1),
        ("2023-01-31", "2023-03-01", None),
        ("2023-02-28", "2023-03-30", 1),
        ("2023-01-15", "2023-01-15", None),
    ],
)
def test_months_are_whole_by_the_start_or_by_the_end_of_a_period(start: str, end: str, months: int | None) -> None:
    macros = jinja2.Template((PROJECT / "macros" / "money" / "money.sql").read_text()).module
    sql = macros.whole_months(f"date '{start}'", f"date '{end}'")  # type: ignore[attr-defined]
    with duckdb.connect() as connection:
        assert connection.execute(f"select {sql}").fetchall() == [(months,)]
