"""A principal sees the published files of its own tenants, at one version, and nothing else."""

from __future__ import annotations

import datetime as dt
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from serving.connection import TIMES_UNTIL_STUCK, ServingConnection
from serving.opening import open_serving
from serving.principal import ALL, Principal
from serving.publications import VIEWED, fingerprint
from tests.support.hostile import growth as hostile_size
from tests.support.worlds import serving as world
from warehouse_models.dbt import marts as gold
from warehouse_models.errors import TenureError
from warehouse_models.published.manifest import Manifest

TENANTS = "select distinct tenant_id from {} order by 1"


def tenants(connection: ServingConnection, relation: str) -> list[str]:
    return [row[0] for row in connection.execute(TENANTS.format(relation)).rows()]


def test_a_user_of_one_tenant_finds_no_other_in_any_mart(green: ServingConnection) -> None:
    for relation in green.relations():
        assert set(tenants(green, relation)) <= {world.GREEN}, relation
    assert tenants(green, "fct_events") == [world.GREEN]


def test_the_file_of_another_tenant_is_not_even_attached(green: ServingConnection) -> None:
    attached = green.raw.execute("select path from duckdb_databases() where path is not null").fetchall()
    assert [Path(path).parts[-2:] for (path,) in attached] == [(world.GREEN, "1.duckdb")]


def test_a_user_of_several_tenants_sees_them_as_one(home: Path) -> None:
    with open_serving(Principal.of(world.GREEN, world.HELD)) as both, open_serving(world.GREEN) as one:
        assert both.relations() == one.relations()
        assert both.columns("dim_accounts") == one.columns("dim_accounts")
        assert tenants(both, "trust") == tenants(both, "fct_events") == sorted([world.GREEN, world.HELD])


def test_a_user_of_all_tenants_sees_all(home: Path) -> None:
    with open_serving(ALL) as everything:
        assert tenants(everything, "trust") == sorted([world.GREEN, world.HELD])
        assert tenants(everything, "fct_events") == sorted([world.GREEN, world.HELD])


def test_a_view_over_silver_answers_at_its_pinned_version_under_lock(green: ServingConnection) -> None:
    assert green.execute("select count(*), count(distinct message_id) from fct_events").rows() == [(100, 100)]
    rows = green.execute("select message_id from fct_events where message_id like '%only-2-%'").rows()
    assert rows == []


def test_behind_the_lock_no_extension_is_loaded_signed_or_not(green: ServingConnection, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.duckdb_extension"
    foreign.write_bytes(b"not signed by anybody")
    for statement in (f"load '{foreign}'", "load httpfs", "install httpfs"):
        with pytest.raises(duckdb.PermissionException):
            green.raw.execute(statement)


def test_a_user_bound_to_nothing_is_refused(home: Path) -> None:
    with pytest.raises(TenureError, match="bound to no tenant"):
        open_serving(Principal(frozenset()))


def test_a_tenant_that_was_never_published_is_told_so(home: Path) -> None:
    with pytest.raises(TenureError, match="nothing of it is published") as error:
        open_serving("newcomer")
    assert error.value.next_step
    with open_serving(Principal.of(world.GREEN, "newcomer")) as connection:
        assert tenants(connection, "trust") == [world.GREEN]


def test_before_the_first_publication_the_next_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(TenureError, match="nothing is published") as error:
        open_serving(world.GREEN, tmp_path)
    assert "tenure run" in error.value.next_step


def test_a_statement_that_runs_too_long_is_stopped(home: Path) -> None:
    slow = " cross join ".join(f"fct_feature_usage_daily as t{n}" for n in range(4))
    with open_serving(world.GREEN, seconds=0.3) as connection:
        with pytest.raises(TenureError, match="longer than 0.3 s"):
            connection.execute(f"select count(t0.events + t1.events + t2.events + t3.events) from {slow}")
        assert connection.execute("select 1").rows() == [(1,)]


def test_a_statement_that_needs_too_much_memory_is_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENURE_SQL_MEMORY", "64MB")
    with open_serving(world.GREEN) as connection, pytest.raises(TenureError, match="memory limit of 64MB"):
        connection.execute(
            "select list(a.account_id || b.account_id) from fct_feature_usage_daily a, fct_feature_usage_daily b"
        )


@pytest.mark.parametrize("sql", hostile_size.ENDLESS, ids=lambda sql: sql[:70])
def test_what_no_text_betrays_is_cut_off_and_the_next_statement_works(
    sql: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENURE_SQL_MEMORY", "200MB")
    monkeypatch.setenv("TENURE_SQL_ROWS", "1000")
    started = time.monotonic()
    with open_serving(world.GREEN, seconds=1) as connection:
        with pytest.raises(TenureError) as cut:
            connection.execute(sql).rows()
        assert re.search("longer than 1 s|memory limit of 200MB|more than 1,000 rows", cut.value.why), cut.value.why
        assert cut.value.next_step
        assert connection.execute("select 1").rows() == [(1,)]
    assert time.monotonic() - started < 60, "far from the hour that it would take"


def test_a_statement_that_does_not_stop_when_told_to_calls_for_the_last_resort(home: Path) -> None:
    stuck = threading.Event()
    with open_serving(world.GREEN, seconds=0.05, on_stuck=stuck.set) as connection, connection.fork() as other:
        with other._bounded():
            pass
        time.sleep(0.05 * TIMES_UNTIL_STUCK * 2)
        assert not stuck.is_set(), "a statement that ended is not"
        with other._bounded():
            assert stuck.wait(10)


def test_the_time_limit_holds_while_rows_are_fetched_too(home: Path) -> None:
    slow = " cross join ".join(f"fct_feature_usage_daily as t{n}" for n in range(3))
    with open_serving(world.GREEN, seconds=0.5) as connection:
        answer = connection.execute(f"select t0.events + t1.events + t2.events from {slow}")
        with pytest.raises(TenureError, match="longer than 0.5 s"):
            answer.rows(limit=10**9)


def test_more_rows_than_a_program_can_hold_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENURE_SQL_ROWS", "100")
    with open_serving(world.GREEN) as connection:
        assert len(connection.execute("select * from fct_feature_usage_daily limit 100").rows()) == 100
        with pytest.raises(TenureError, match="more than 100 rows"):
            connection.execute("select * from fct_feature_usage_daily limit 101").rows()


def test_times_are_utc_wherever_the_server_stands(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    with open_serving(world.GREEN) as connection, connection.fork() as other:
        for each in (connection, other):
            at = each.execute("select min(event_time), min(event_time)::varchar from fct_events").rows()[0]
            assert at == (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "2026-01-01 00:00:00+00")


def test_an_answer_comes_as_rows_or_as_arrow(green: ServingConnection) -> None:
    result = green.execute("select tenant_id, checks_failed from trust where checks_failed = ?", [0])
    assert (result.columns, result.rows()) == (["tenant_id", "checks_failed"], [(world.GREEN, 0)])
    table = green.execute("select date, dau from fct_product_engagement_daily").arrow()
    assert (table.num_rows, table.column_names) == (world.DAYS, ["date", "dau"])
    long = green.execute("select * from dim_accounts")
    assert (len(long.rows(5)), len(long.rows())) == (5, 19)


def test_a_fork_answers_at_the_same_time_on_another_thread(green: ServingConnection) -> None:
    answers: list[int] = []

    def ask() -> None:
        with green.fork() as mine:
            answers.append(mine.execute("select count(*) from dim_accounts").rows()[0][0])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [24] * 4
    assert green.execute("select 1").rows() == [(1,)]


def test_the_fingerprint_differs_between_principals_and_between_publications(home: Path, tmp_path: Path) -> None:
    one, two, both = Principal.of(world.GREEN), Principal.of(world.HELD), Principal.of(world.GREEN, world.HELD)
    assert len({fingerprint(principal) for principal in (one, two, both, ALL)}) == 4
    manifest = Manifest.read(home / "published")
    assert manifest is not None
    moved = {**manifest.tenants, world.HELD: replace(manifest.tenants[world.HELD], file=f"{world.HELD}/2.duckdb")}
    Manifest(2, None, moved, manifest.all, manifest.tables).write(tmp_path)
    assert fingerprint(two, tmp_path) != fingerprint(two)
    assert fingerprint(one, tmp_path) == fingerprint(one), "a neighbour's publication must not cool one's cache"


def test_a_connection_keeps_the_publication_that_it_opened(home: Path) -> None:
    with open_serving(world.GREEN) as connection:
        file = home / "published" / world.GREEN / "1.duckdb"
        moved = file.rename(file.with_suffix(".gone"))
        try:
            assert tenants(connection, "trust") == [world.GREEN]
        finally:
            moved.rename(file)


def test_a_tenant_may_read_of_silver_what_its_marts_are_views_over_and_no_more() -> None:
    assert set(VIEWED) == {address for mart in gold.marts().values() for address in mart.reads}
