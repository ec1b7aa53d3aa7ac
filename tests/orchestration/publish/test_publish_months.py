"""Gold Delta of daily facts is cut by month: a day more rewrites its month, and an older table is cut by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.publish.gold import GoldWriter
from orchestration.publish.state import ShardState
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard
from warehouse_models.published.publication import Pins

MART = gold_models.marts()["fct_feature_usage_daily"]
JANUARY, MARCH = date(2024, 1, 30), date(2024, 3, 2)


class Gold:
    """Gold Delta of one mart, and the build database that it is written from."""

    def __init__(self) -> None:
        self.lake = Lake()
        self.connection = duck.connect()
        self.connection.execute(
            "create schema marts; create table marts.fct_feature_usage_daily as select tenant_id, 'a' as account_id, "
            "'f' as feature, date, 1::bigint as events, 1::bigint as users from (values ('acme'), ('bolt')) as "
            f"t(tenant_id), (values (date '{JANUARY}'), (date '{MARCH}')) as d(date)"
        )

    def write(self, slices: Mapping[str, Any], mart: gold_models.Mart = MART) -> None:
        writer = GoldWriter(ShardState(self.connection, self.lake, Pins("pool")))
        writer._replace(mart, slices, set(slices), {})

    def files(self) -> set[str]:
        table = self.lake.shard("pool").table(MART.table)
        assert table is not None
        return {
            Path(uri).relative_to(self.lake.shard("pool").table_uri(MART.table)).as_posix() for uri in table.file_uris()
        }

    def rows(self) -> list[tuple[Any, ...]]:
        scan = self.lake.shard("pool").scan(MART.table)
        return self.connection.execute(f"select tenant_id, date, events from {scan} order by all").fetchall()


@pytest.fixture
def gold(tenure_home: Path) -> Gold:
    return Gold()


def test_a_day_more_leaves_the_files_of_other_months_alone(gold: Gold) -> None:
    gold.write({"acme": None, "bolt": None})
    before = gold.files()
    assert {name.rpartition("/")[0] for name in before} == {
        f"tenant_id={tenant}/date_month={month}"
        for tenant in ("acme", "bolt")
        for month in ("2024-01-01", "2024-03-01")
    }
    gold.connection.execute(f"update marts.fct_feature_usage_daily set events = 7 where date = '{MARCH}'")
    gold.write({"acme": frozenset({MARCH})})
    assert {name.rpartition("/")[0] for name in before - gold.files()} == {"tenant_id=acme/date_month=2024-03-01"}
    assert gold.rows() == [("acme", JANUARY, 1), ("acme", MARCH, 7), ("bolt", JANUARY, 1), ("bolt", MARCH, 1)]


def test_a_table_of_an_older_release_is_cut_by_month_and_keeps_the_rows_of_those_not_published(gold: Gold) -> None:
    gold.write({"acme": None, "bolt": None}, replace(MART, monthly_files=False))
    assert {name.rpartition("/")[0] for name in gold.files()} == {"tenant_id=acme", "tenant_id=bolt"}
    published = gold.lake.shard("pool").version(MART.table)
    gold.connection.execute(f"update marts.fct_feature_usage_daily set events = 7 where date = '{MARCH}'")
    gold.write({"acme": frozenset({MARCH})})
    assert all("/date_month=" in name for name in gold.files())
    assert gold.rows() == [("acme", JANUARY, 1), ("acme", MARCH, 7), ("bolt", JANUARY, 1), ("bolt", MARCH, 1)]
    # The rewrite changes no figure, so whoever reads the trail learns of the day alone.
    assert gold.lake.shard("pool").trail(MART.table, published).slices == {"acme": frozenset({MARCH})}
    # A publication that is kept names the version before, and reads it as it was.
    before = gold.lake.shard("pool").scan(MART.table, published)
    held = gold.connection.execute(f"select sum(events) from {before}").fetchall()
    assert held == [(4,)]


def test_a_first_publication_and_a_refresh_of_everybody_are_written_as_files_that_hold_the_same_rows(
    gold: Gold, monkeypatch: pytest.MonkeyPatch
) -> None:
    gold.write({"acme": None})
    # A tenant alone is no whole table: its neighbour would go with it.
    gold.write({"bolt": None})
    gold.connection.execute("update marts.fct_feature_usage_daily set events = 7 where tenant_id = 'acme'")
    gold.write({"acme": None})
    wanted = [("acme", JANUARY, 7), ("acme", MARCH, 7), ("bolt", JANUARY, 1), ("bolt", MARCH, 1)]
    assert gold.rows() == wanted
    gold.connection.execute("update marts.fct_feature_usage_daily set events = 8 where tenant_id = 'bolt'")
    monkeypatch.delattr(Shard, "replace")
    gold.write({"acme": None, "bolt": None})
    assert gold.rows() == [*wanted[:2], ("bolt", JANUARY, 8), ("bolt", MARCH, 8)]
