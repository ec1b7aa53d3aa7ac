"""A whole table written as files is the table a stream would have written, and holds nothing the spec forbids."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes import whole
from transforms.engines.duckdb import DuckDBEngine
from transforms.engines.engine import Result
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard
from warehouse_models.spec import Column
from warehouse_models.specs import spec

SESSIONS = spec("silver/product/sessions")
ROW = (
    "SELECT 'acme' AS tenant_id, 's1' AS session_id, 'ann' AS user_id, CAST(NULL AS STRING) AS anonymous_id, "
    "'bolt' AS account_id, TIMESTAMP '2024-03-01 10:00:00.000001' AS started_at, "
    "TIMESTAMP '2024-03-31 11:00:00' AS ended_at, DATE '2024-03-01' AS session_date, 2 AS events, "
    "DATE '2024-03-01' AS session_month"
)
OTHER = ROW.replace("'s1'", "'s2'").replace("2024-03-01", "2024-04-01")


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "home"))
    return Lake()


def commit(lake: Lake, sql: str, table: Any = SESSIONS) -> int:
    engine = DuckDBEngine(lake)
    casts = ", ".join(f"CAST(`{c.name}` AS {c.type.upper()}) AS `{c.name}`" for c in table.columns)
    select = f"SELECT {casts} FROM ({sql}) AS given"
    _, rows = engine.commit(
        lake.shard("pool"), table, Result(select, None, trail={"slices": None}, transaction=("t", 1))
    )
    engine.close()
    return rows


def test_files_and_stream_write_equal_tables(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit(lake, f"{ROW} UNION ALL {OTHER}") == 2
    by_files = whole(lake, SESSIONS.address)
    monkeypatch.setattr(Shard, "takes_files", lambda *_: False)
    assert commit(lake, f"{ROW} UNION ALL {OTHER}") == 2
    assert whole(lake, SESSIONS.address) == by_files
    assert by_files[0][5] == datetime(2024, 3, 1, 10, 0, 0, 1, tzinfo=UTC)


def test_a_slice_of_a_table_of_files_is_replaced_alone(lake: Lake) -> None:
    commit(lake, f"{ROW} UNION ALL {OTHER}")
    slices = {"acme": frozenset({date(2024, 3, 1)})}
    lake.shard("pool").replace(SESSIONS, SESSIONS.arrow_schema.empty_table(), slices, trail={"slices": {}})
    assert [row[1] for row in whole(lake, SESSIONS.address)] == ["s2"]


def test_a_null_where_none_may_be_is_refused_and_the_table_stays(lake: Lake) -> None:
    commit(lake, ROW)
    with pytest.raises(ValueError, match="account_id is null"):
        commit(lake, OTHER.replace("'bolt'", "CAST(NULL AS STRING)"))
    assert [row[1] for row in whole(lake, SESSIONS.address)] == ["s1"]


def test_an_empty_result_empties_the_table(lake: Lake) -> None:
    commit(lake, ROW)
    assert commit(lake, f"{ROW} WHERE 1 = 0") == 0
    assert whole(lake, SESSIONS.address) == []


def test_a_table_of_another_shape_is_not_given_files_and_takes_the_new_columns(lake: Lake) -> None:
    commit(lake, ROW)
    wider = replace(SESSIONS, columns=(*SESSIONS.columns, Column("pages", "bigint", "Pages seen.")))
    assert not lake.shard("pool").takes_files(wider)
    commit(lake, f"SELECT told.*, 3 AS pages FROM ({ROW}) AS told", wider)
    assert whole(lake, SESSIONS.address)[0][-1] == 3
