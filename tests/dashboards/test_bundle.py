"""The dashboard files say what they mean, and what disagrees is found without a Superset."""

from __future__ import annotations

import copy
import io
import re
import zipfile
from collections.abc import Callable

import pytest
import yaml

from dashboards.administration import User
from dashboards.bundle import bundle_files, identity, push_plan, zipped
from dashboards.files import Assets
from dashboards.query_context import query_context
from dashboards.validate import validate
from warehouse_models.dbt.marts import marts
from warehouse_models.errors import TenureError


@pytest.fixture
def assets() -> Assets:
    return copy.deepcopy(Assets.read())


def test_the_files_are_valid(assets: Assets) -> None:
    assert validate(assets) == []


def test_the_same_files_give_the_same_bundle_and_ids_follow_from_slugs(assets: Assets) -> None:
    assert zipped(assets) == zipped(Assets.read())
    assert identity("charts", "dau") == identity("charts", "dau") != identity("datasets", "dau")
    with zipfile.ZipFile(io.BytesIO(zipped(assets))) as bundle:
        dashboard = yaml.safe_load(bundle.read("tenure/dashboards/product-adoption.yaml"))
    assert dashboard["uuid"] == identity("dashboards", "product-adoption")


def test_every_mart_is_a_dataset_with_the_columns_of_its_contract(assets: Assets) -> None:
    for name, mart in marts().items():
        assert list(assets.datasets[name].columns) == [column.name for column in mart.spec.columns]


def test_a_dataset_used_by_a_filter_only_is_in_the_bundle(assets: Assets) -> None:
    files = bundle_files(assets)
    filters = yaml.safe_load(files["dashboards/product-adoption.yaml"])["metadata"]["native_filter_configuration"]
    bundled = {yaml.safe_load(text)["uuid"] for path, text in files.items() if path.startswith("datasets/")}
    wanted = {target["datasetUuid"] for native_filter in filters for target in native_filter["targets"] if target}
    assert wanted and wanted <= bundled
    assert [native_filter["name"] for native_filter in filters] == ["Period", "Segment", "CSM"]


def test_no_stored_query_and_no_secret_is_in_a_file(assets: Assets) -> None:
    for path, text in bundle_files(assets).items():
        assert "query_context" not in text and "password" not in text.lower(), path


def broken(change: Callable[[Assets], None]) -> list[str]:
    assets = copy.deepcopy(Assets.read())
    change(assets)
    return validate(assets)


def set_param(chart: str, **params: object) -> Callable[[Assets], None]:
    return lambda assets: assets.charts[chart]["params"].update(params)


BROKEN = {
    "a metric that the dataset lacks": (set_param("dau", metric="nope"), "charts/dau: .* has no metric nope"),
    "a column that the dataset lacks": (set_param("feature_share", groupby=["colour"]), "has no column colour"),
    "a filter on a column that is gone": (
        set_param("dau", adhoc_filters=[{"subject": "day", "operator": "==", "comparator": 1}]),
        "charts/dau: .* has no column day",
    ),
    "SQL inside a chart": (set_param("dau", metric={"sqlExpression": "1"}), "metrics live in the dataset's file"),
    "a dataset that is gone": (lambda a: a.charts["dau"].update(dataset="x"), "charts/dau: there is no dataset x"),
    "an unknown chart type": (lambda a: a.charts["dau"].update(viz_type="deck_gl"), "deck_gl is no chart type"),
    "a column that the mart lacks": (
        lambda a: object.__setattr__(a.datasets["data_status"], "sql", "select tenant_id, nope from marts.trust"),
        "datasets/data_status: .*nope",
    ),
    "a column of another type": (
        lambda a: a.datasets["data_status"].columns["coverage"].update(type="BIGINT"),
        "datasets/data_status: columns of the file and of the SQL differ: .*coverage",
    ),
    "a dataset past the marts": (
        lambda a: object.__setattr__(a.datasets["data_status"], "sql", "select * from read_text('/etc/passwd')"),
        r"datasets/data_status: read_text\(\)",
    ),
    "a dataset without tenant": (
        lambda a: object.__setattr__(a.datasets["data_status"], "sql", "select 1 as x from marts.trust"),
        "it has no tenant_id",
    ),
    "a metric that does not bind": (
        lambda a: a.datasets["account_usage"].metrics["events"].update(sql="SUM(nope)"),
        "datasets/account_usage: metric events: .*nope",
    ),
    "a chart that is gone": (lambda a: a.charts.pop("dau"), "there is no chart dau"),
    "a chart that nothing shows": (
        lambda a: a.charts.update(x=dict(a.charts["dau"])),
        "charts/x: no dashboard shows it",
    ),
    "a role that is gone": (lambda a: a.dashboards["product-adoption"].update(roles=["x"]), "there is no role x"),
    "a need that no tenant can meet": (
        lambda a: a.dashboards["product-adoption"].update(needs="love"),
        "dashboards/product-adoption: needs: love is nothing that a tenant may have; one of revenue",
    ),
    "several needs": (lambda a: a.dashboards["product-adoption"].update(needs=["revenue"]), "needs: .* one of revenue"),
    "a row that is not full": (
        lambda a: a.dashboards["product-adoption"]["rows"][0][0].update(width=5),
        "row 1 is not 12 wide",
    ),
    "no filter for the CSM": (
        lambda a: a.dashboards["product-adoption"]["filters"].pop(),
        "every dashboard has filters for period, Segment and CSM",
    ),
    "no word on the data's state": (
        lambda a: a.dashboards["product-adoption"]["rows"].pop(0),
        "every dashboard shows data_status",
    ),
    "a filter on charts without its column": (
        lambda a: a.dashboards["product-adoption"]["filters"][1].update(not_on=[]),
        "filter Segment: chart dau has no column segment",
    ),
    "a tombstone of what lives": (
        lambda a: a.tombstones.update(charts=["dau"]),
        "tombstones: charts/dau is also a file",
    ),
    "no row-level rule": (lambda a: a.rules.clear(), "there is no row-level rule"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_with_what_is_wrong(name: str) -> None:
    change, sentence = BROKEN[name]
    problems = broken(change)
    assert any(re.search(sentence, problem) for problem in problems), problems


def test_a_dashboard_with_a_need_is_opened_by_the_roles_of_its_file_that_meet_it_and_by_no_other(
    assets: Assets,
) -> None:
    assets.dashboards["product-adoption"] |= {"roles": ["analyst"], "needs": "revenue"}
    openers = push_plan(assets, "operator").dashboard_roles
    assert openers[identity("dashboards", "product-adoption")] == ["analyst with revenue"]
    del assets.dashboards["product-adoption"]["needs"]
    assert push_plan(assets, "operator").dashboard_roles[identity("dashboards", "product-adoption")] == ["analyst"]


def test_a_saved_query_asks_for_what_the_chart_shows(assets: Assets) -> None:
    query = query_context({"viz_type": "pie", **assets.charts["feature_share"]["params"]}, 7, 3)["queries"][0]
    assert (query["columns"], query["metrics"]) == (["feature"], ["events"])
    query = query_context({"viz_type": "table", **assets.charts["account_list"]["params"]}, 7)["queries"][0]
    assert query["metrics"] is None and "account" in query["columns"]
    assert query["orderby"] == [["usage_trend_28d", True]]
    query = query_context({"viz_type": "pop_kpi", **assets.charts["events_change"]["params"]}, 7)["queries"][0]
    assert query["time_offsets"] == ["inherit"]


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        (User("eva", ()), "bound to no tenant"),
        (User("eva", ("Acme",)), "no tenant's slug"),
        (User("e va", ("acme",)), "a login is letters"),
        (User("eva", ("acme",), "boss"), "there is no such role"),
    ],
)
def test_a_login_that_cannot_be_is_refused_before_superset_is_asked(user: User, sentence: str) -> None:
    with pytest.raises(TenureError, match=sentence):
        user.entry()
