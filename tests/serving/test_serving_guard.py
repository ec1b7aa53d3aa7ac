"""No SQL surface reads a file, writes, or shows what is not a mart of the user."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from serving.connection import ServingConnection
from serving.guard import Refused
from tests.support.hostile import statements as hostile
from tests.support.hostile.statements import fill
from tests.support.worlds import serving as world

CASES = [pytest.param(sql, id=f"{kind}: {sql[:70]!r}") for kind, listed in hostile.ALL.items() for sql in listed]

SERVED = [
    "select 1",
    "select * from marts.trust",
    "select * from trust",
    "from trust",
    "table trust",
    "SELECT * FROM MARTS.TRUST",
    'select * from "marts"."trust"',
    "select * from marts.trust;",
    "select count(*) from fct_events",
    "select date, dau from marts.fct_product_engagement_daily order by date desc limit 3",
    "with a as (select * from trust), b as (select * from a) select * from b join a using (tenant_id)",
    "with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select sum(n) from r",
    "select * from (with inner_one as (select 1 as x) select * from inner_one) as y",
    "select date_trunc('week', date) as week, sum(events) from fct_feature_usage_daily group by all order by 1",
    "select account_id, rank() over (partition by segment order by licensed_seats desc) from dim_accounts",
    "select feature, sum(events) filter (where date > date '2026-01-01') from fct_feature_usage_daily group by 1",
    "select * exclude (tenant_id) from trust",
    "select coalesce(held_reason, 'none'), if(is_held, 1, 0), round(coverage, 2) from trust",
    "select list_transform([1, 2], lambda x: x + 1), [x * 2 for x in [1, 2]], {'a': 1}",
    "select unnest([1, 2, 3])",
    "select lpad('7', 3, '0'), strftime(date '2026-01-01', '%d %b'), current_date - interval 7 day",
    "select * from (values (1), (2)) as v(x)",
    "select a.date from dim_dates a, lateral (select 1) b",
    "unpivot (select 1 as a, 2 as b) on a, b",
    "select name from dim_accounts where name ilike '%a%' or name similar to 'B.*' or name in ('x', 'y')",
    "select median(dau), quantile_cont(dau, 0.9), arg_max(date, dau) from fct_product_engagement_daily",
    "select name from dim_accounts where name like '%a%e%i%o%u%' or name ilike '%ar%pa%' or name not like 'B_r%'",
    "select account_id || ' · ' || name || ' (' || coalesce(segment, '?') || ')' as label from dim_accounts",
    "select replace(replace(replace(name, '&', ' and '), '_', ' '), '-', ' ') from dim_accounts",
    "select unnest(generate_series(date '2026-01-01', current_date, interval 1 day))::date as day, unnest(range(31))",
    "select unnest(range(timestamp '2026-01-01', timestamp '2026-01-03', interval '6 hours')), range(3, 0, -1)",
    "select len(range(min(licensed_seats), 9, 2)) from dim_accounts",
    "select string_agg(name, ', ' order by name), to_json(list(name)), hex(md5(max(name))) from dim_accounts",
    "select json_extract_string('{\"a\": 1}', '$.a')",
    "select case when exists (select 1 from trust) then 'yes' else 'no' end",
    "select 'select * from read_text(''/etc/passwd'')' as harmless_text",
    "select 1 -- ; drop table marts.trust",
    "select tenant_id from trust union select tenant_id from dim_accounts intersect select tenant_id from dim_users",
]


@pytest.mark.parametrize("sql", CASES)
def test_a_hostile_statement_is_refused_before_it_runs(sql: str, green: ServingConnection, home: Path) -> None:
    before = sorted(path.name for path in (home / "published").rglob("*"))
    with pytest.raises(Refused) as refused:
        green.execute(fill(sql, home))
    assert refused.value.what and refused.value.why and refused.value.next_step
    assert sorted(path.name for path in (home / "published").rglob("*")) == before


@pytest.mark.parametrize("sql", SERVED, ids=lambda sql: sql[:70])
def test_an_honest_statement_is_served(sql: str, green: ServingConnection) -> None:
    assert green.execute(sql).columns


def test_the_suite_is_as_large_as_the_surface_deserves() -> None:
    assert len(CASES) >= 200
    assert len({case.values[0] for case in CASES}) == len(CASES)


LOCKED = [
    "select * from read_text('/etc/passwd')",
    "copy (select 1) to '/tmp/tenure_must_not_exist.csv'",
    "attach '{published}/{other}/1.duckdb' as o",
    "select * from read_blob('{published}/{other}/1.duckdb')",
    "select * from glob('/etc/*')",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "set allowed_directories = ['/']",
    "set temp_directory = '/tmp'",
    "install httpfs",
    "insert into marts.trust select * from marts.trust",
    "create table marts.x as select 1",
]


def test_the_lock_closes_a_neighbours_silver_also_where_the_guard_is_passed_by(
    green: ServingConnection, home: Path
) -> None:
    events = f"delta_scan('{home}/lake/shards/pool/silver/product/events', version := 1)"
    own = f"select count(*) from {events} where tenant_id = '{world.GREEN}'"
    assert green.raw.execute(own).fetchall() == [(100,)]
    with pytest.raises(duckdb.Error, match="disabled by configuration"):
        green.raw.execute(f"select count(message_id) from {events} where tenant_id = '{world.HELD}'").fetchall()


@pytest.mark.parametrize("sql", LOCKED)
def test_the_lock_holds_even_where_the_guard_is_passed_by(sql: str, green: ServingConnection, home: Path) -> None:
    with pytest.raises(duckdb.Error):
        green.raw.execute(fill(sql, home))


def test_a_variable_of_the_program_is_no_table(green: ServingConnection) -> None:
    secrets = duckdb.sql("select 1 as secret")
    assert secrets is not None
    with pytest.raises(Refused):
        green.execute("select * from secrets")
    with pytest.raises(duckdb.Error):
        green.raw.execute("select * from secrets")
