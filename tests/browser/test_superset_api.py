"""Superset answers every chart, to each user for its own tenants only, by whatever way it is asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from dashboards import administration, environment
from dashboards.bundle import identity
from dashboards.files import Assets
from tests.browser.conftest import ANALYST, BOTH, EXECUTIVE, NEIGHBOUR, OPERATOR, PASSWORD, Superset
from tests.support.worlds import serving as world
from warehouse_models.published.manifest import Manifest

pytestmark = [pytest.mark.superset, pytest.mark.slow]

CHARTS = sorted(Assets.read().charts)
FOREIGN = [{"col": "tenant_id", "op": "IN", "val": [world.HELD]}]


def clean(text: str, tenant: str) -> list[str]:
    """Words in `text` that a user of `tenant` must not see."""
    return [word for word in world.foreign_words(tenant) if word in text]


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_answers_an_executive_with_rows_of_its_own_tenant(superset: Superset, chart: str) -> None:
    answer = superset.query(EXECUTIVE, chart)
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"][0]
    assert result["error"] is None and result["rowcount"] > 0
    assert not clean(answer.text, world.GREEN)


@pytest.mark.parametrize("chart", CHARTS)
def test_a_filter_on_a_foreign_tenant_finds_nothing(superset: Superset, chart: str) -> None:
    answer = superset.query(EXECUTIVE, chart, filters=FOREIGN, time_offsets=[])
    assert answer.status_code == 200, answer.text
    rows = answer.json()["result"][0]["data"]
    assert all(value in (None, 0) for row in rows for value in row.values()), rows
    assert not clean(json.dumps(rows), world.GREEN)


def test_two_executives_get_each_their_own_answer_from_one_cache(superset: Superset) -> None:
    seen = {}
    for user in (EXECUTIVE, NEIGHBOUR, EXECUTIVE, NEIGHBOUR):
        result = superset.query(user, "account_list").json()["result"][0]
        names = {row["account"] for row in result["data"]}
        assert seen.setdefault(user, names) == names
    assert seen[EXECUTIVE] == set(world.account_names(world.GREEN))
    assert seen[NEIGHBOUR] == set(world.account_names(world.HELD))
    assert result["is_cached"], "the second time is answered from the cache"


def test_an_executive_has_no_way_to_data_outside_a_dashboard(superset: Superset) -> None:
    client = superset.client(EXECUTIVE)
    assert superset.sql(EXECUTIVE, "select 1").status_code in (401, 403)
    context = {"datasource": {"id": 1, "type": "table"}, "queries": [{"columns": ["tenant_id"], "metrics": []}]}
    assert client.post("/api/v1/chart/data", json=context).status_code == 403
    for path in ("/api/v1/database/", "/api/v1/dataset/", "/api/v1/rowlevelsecurity/", "/api/v1/security/users/"):
        assert client.get(path).status_code in (401, 403, 404), path
    assert client.get("/api/v1/assets/export/").status_code in (401, 403)


def test_a_held_tenant_is_told_so_and_why(superset: Superset) -> None:
    status = superset.query(NEIGHBOUR, "data_as_of").json()["result"][0]["data"]
    assert [row["status"] for row in status] == [world.REASON]
    assert superset.query(EXECUTIVE, "data_as_of").json()["result"][0]["data"][0]["status"] == "All checks passed"


def test_an_analyst_writes_sql_over_the_marts_of_its_tenant(superset: Superset) -> None:
    answer = superset.sql(ANALYST, "select tenant_id, count(*) as accounts from dim_accounts group by 1")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"] == [{"tenant_id": world.GREEN, "accounts": 24}]


def test_an_analyst_of_two_tenants_and_the_operator_see_both(superset: Superset) -> None:
    for user in (BOTH, OPERATOR):
        answer = superset.sql(user, "select distinct tenant_id from marts.trust order by 1")
        assert [row["tenant_id"] for row in answer.json()["data"]] == sorted([world.GREEN, world.HELD])


def test_the_row_level_rule_stands_behind_the_connection(superset: Superset) -> None:
    rules = superset.client(OPERATOR).get("/api/v1/rowlevelsecurity/").json()["result"]
    assert [(rule["filter_type"], rule["roles"]) for rule in rules] == [("Base", [])], "one rule, nobody exempt"
    ruled = {table["table_name"] for table in rules[0]["tables"]}
    assert ruled == set(Assets.read().datasets), "the rule covers every dataset"
    query = superset.query(ANALYST, "account_list", force=True).json()["result"][0]["query"]
    assert f"tenant_id IN ('{world.GREEN}')" in query
    sqllab = superset.sql(ANALYST, "select count(*) from marts.dim_users").json()
    assert f"IN ('{world.GREEN}')" in sqllab["query"]["executedSql"]


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_text('/etc/passwd')",
        "select * from delta_scan('/')",
        "select * from published_0.marts.trust",
        "select * from memory.information_schema.tables",
        "select * from information_schema.tables",
        "select * from pg_catalog.pg_class",
        "select * from duckdb_databases()",
        "select getenv('TENURE_SUPERSET_SECRET')",
        "select * from query('select 1')",
        "with trust as (select 1 as tenant_id) select * from trust",
        "select 1; drop table marts.trust",
        "copy (select 1) to '/tmp/tenure_must_not_exist.csv'",
        "attach '/tmp/x' as x",
        "create table marts.x as select 1",
        "set enable_external_access = true",
        "delete from marts.trust",
        "{% set x = 1 %}select * from read_text('/etc/passwd')",
        "select {{ 'getenv' }}('HOME')",
        "show tables",
        "explain select 1",
    ],
)
def test_sql_lab_serves_no_statement_that_the_guard_refuses(superset: Superset, statement: str) -> None:
    answer = superset.sql(ANALYST, statement)
    assert answer.status_code >= 400, answer.text
    assert "root:" not in answer.text


def test_what_superset_lists_of_the_database_are_the_marts(superset: Superset) -> None:
    client = superset.client(ANALYST)
    number = superset.client(OPERATOR).get("/api/v1/database/").json()["result"][0]["id"]
    assert client.get(f"/api/v1/database/{number}/schemas/").json()["result"] == ["marts"]
    tables = client.get(f"/api/v1/database/{number}/tables/?q=(schema_name:marts)").json()["result"]
    assert "fct_events" in {table["value"] for table in tables}
    columns = client.get(f"/api/v1/database/{number}/table_metadata/?name=trust&schema=marts").json()["columns"]
    assert [column["name"] for column in columns][:2] == ["tenant_id", "published_version"]


@pytest.fixture
def published_again(superset: Superset) -> Iterator[int]:
    """A second publication of one tenant in which yesterday has 4,711 daily users."""
    root = superset.home / "published"
    manifest = Manifest.read(root)
    assert manifest is not None
    second = root / world.GREEN / "2.duckdb"
    shutil.copy(root / str(manifest.tenants[world.GREEN].file), second)
    with duckdb.connect(second) as connection:
        connection.execute("update marts.fct_product_engagement_daily set dau = 4711")
    publication = replace(manifest.tenants[world.GREEN], file=f"{world.GREEN}/2.duckdb", version=2)
    Manifest(2, None, {**manifest.tenants, world.GREEN: publication}, manifest.all, manifest.tables).write(root)
    yield 4711
    manifest.write(root)


def test_a_new_publication_is_seen_at_once_and_the_neighbours_cache_stays_warm(
    superset: Superset, published_again: int
) -> None:
    superset.query(NEIGHBOUR, "dau")
    rows = superset.query(EXECUTIVE, "dau").json()["result"][0]["data"]
    assert {row["dau"] for row in rows} == {published_again}
    assert superset.query(NEIGHBOUR, "dau").json()["result"][0]["is_cached"]


def test_a_push_changes_no_id_and_buries_what_has_a_tombstone(superset: Superset) -> None:
    assets = Assets.read()
    assets.charts["retired"] = dict(assets.charts["dau"]) | {"title": "Retired"}
    pushed = administration.apply(superset.home, assets=_shown(assets, "retired"))["pushed"]
    assert {slug: pushed["charts"][identity("charts", slug)] for slug in superset.charts} == superset.charts
    retired = pushed["charts"][identity("charts", "retired")]
    assert superset.client(OPERATOR).get(f"/api/v1/chart/{retired}").status_code == 200
    assets = Assets.read()
    assets.tombstones = {"charts": ["retired"]}
    pushed = administration.apply(superset.home, assets=assets)["pushed"]
    assert pushed["buried"] == ["charts/retired"]
    assert superset.client(OPERATOR).get(f"/api/v1/chart/{retired}").status_code == 404


def _shown(assets: Assets, chart: str) -> Assets:
    assets.dashboards["product-adoption"]["rows"].append([{"chart": chart, "width": 12, "height": 10}])
    for native_filter in assets.dashboards["product-adoption"]["filters"][1:]:
        native_filter["not_on"].append(chart)
    return assets


def test_a_home_of_an_older_release_is_brought_up_to_date_without_the_operators_password(superset: Superset) -> None:
    mark = environment.schema_mark(superset.home)
    mark.write_text("of an older release")
    administration.add_user(superset.home, "una", (world.GREEN,), password=PASSWORD)
    assert mark.read_text() == environment.schema_key()
    assert superset.listed("una") == superset.listed(EXECUTIVE)


def test_logins_are_listed_with_role_and_tenants(superset: Superset) -> None:
    users = {user["name"]: (user["role"], user["tenants"]) for user in administration.list_users(superset.home)}
    assert users[OPERATOR] == ("Admin", ["*"])
    assert users[EXECUTIVE] == ("executive", [world.GREEN])
    assert users[BOTH] == ("analyst", sorted([world.GREEN, world.HELD]))


def test_secrets_are_readable_by_their_owner_only(superset: Superset) -> None:
    folder = superset.home / "superset"
    assert (folder / "secret_key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o077 == 0
    secret = (folder / "secret_key").read_text()
    for log in Path(superset.home / "logs").glob("*.log"):
        text = log.read_text(errors="replace")
        assert secret not in text and "a-password-of-this-test-only" not in text
