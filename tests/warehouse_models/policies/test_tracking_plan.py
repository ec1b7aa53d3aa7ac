"""A tracking plan is kept as it was meant or refused with what is wrong in it: it decides a tenant's features."""

from __future__ import annotations

from pathlib import Path

import pytest

from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.policies.policy import settings_tables
from warehouse_models.policies.tracking_plan import read

PLAN = """
version: 3
events:
  Report Created: {feature: reports, required: [report_id, amount, report_id]}
  Report Opened:
  Beat: {ignore: true}
"""
KEPT = {
    "version": 3,
    "events": {
        "Report Created": {"feature": "reports", "required": ["amount", "report_id"]},
        "Report Opened": {"feature": "Report Opened"},
        "Beat": {"ignore": True},
    },
}


def file(folder: Path, text: str | bytes) -> Path:
    path = folder / "plan.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_plan_is_kept_with_every_feature_named(tmp_path: Path) -> None:
    assert read(file(tmp_path, PLAN)) == KEPT


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no mapping"),
        ("[1]", "no mapping"),
        ("version: 1", "names no events"),
        ("version: 1\nevents: {}", "names no events"),
        ("events: {A: {}}", "version None"),
        ("version: true\nevents: {A: {}}", "version True"),
        ("version: 0\nevents: {A: {}}", "version 0"),
        ("version: 1\nevent: {A: {}}", "key 'event'"),
        ("version: 1\nevents: {A: {features: b}}", "key 'features'"),
        ("version: 1\nevents: {A: reports}", "no mapping"),
        ("version: 1\nevents: {on: {}}", "read as a bool"),
        ("version: 1\nevents: {A: {feature: 7}}", "read as a int"),
        ("version: 1\nevents: {A: {feature: ' '}}", "is empty"),
        ("version: 1\nevents: {A: {ignore: 1}}", "ignore is 1"),
        ("version: 1\nevents: {A: {ignore: true, feature: b}}", "something else too"),
        ("version: 1\nevents: {A: {required: id}}", "no list"),
        ("version: 1\nevents: {A: {required: [a.b]}}", "no plain name"),
        ("version: 1\nevents: {A: {required: ['*']}}", "no plain name"),
        ("version: 1\nevents: {A: {}, A: {ignore: true}}", "stands twice"),
        ("version: 1\nevents: &e {A: *e}", "key 'A'"),
        ("version: 1\nevents: {A: {feature: [", "no YAML"),
        ("events: !!python/object/apply:os.getcwd []", "no YAML"),
        ("version: 99999999999999999999999999\nevents: {A: {}}", "no whole number"),
        ("version: 1\nevents: {2024-13-45: {}}", "no YAML"),
        (b"version: 1\nevents: {\xff: {}}", "no UTF-8"),
        ("[" * 5000, "no YAML"),
        ("#" * (1 << 20) + PLAN, "larger than"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused_with_its_reason(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(TenureError, match=reason) as raised:
        read(file(tmp_path, text))
    assert raised.value.what == "setting tracking_plan" and raised.value.next_step


def test_a_plan_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(TenureError, match="cannot be read"):
            read(path)


def test_the_catalog_keeps_the_plan_and_not_the_path_and_saying_it_again_changes_nothing(tmp_path: Path) -> None:
    catalog, path = Catalog(Lake(str(tmp_path / "lake"))), file(tmp_path, PLAN)
    catalog.add_tenant("acme")
    assert catalog.set_tenant("acme", tracking_plan=str(path)).settings == {"tracking_plan": KEPT}
    assert catalog.set_tenant("acme", tracking_plan=str(path)).version == 2
    path.unlink()
    assert catalog.tenant("acme").settings["tracking_plan"] == KEPT
    assert catalog.set_tenant("acme", tracking_plan="").settings == {}


def test_sql_sees_a_plan_as_its_events_properties_and_features() -> None:
    tables = settings_tables([("acme", {"tracking_plan": KEPT}), ("bolt", {})])
    assert [(r["tenant_id"], r["has_plan"]) for r in tables["settings"].to_pylist()] == [
        ("acme", True),
        ("bolt", False),
    ]
    assert [tuple(r.values()) for r in tables["plan_events"].to_pylist()] == [
        ("acme", "Beat", None),
        ("acme", "Report Created", "reports"),
        ("acme", "Report Opened", "Report Opened"),
    ]
    assert [tuple(r.values()) for r in tables["plan_properties"].to_pylist()] == [
        ("acme", "Report Created", "amount"),
        ("acme", "Report Created", "report_id"),
    ]
    assert [tuple(r.values()) for r in tables["plan_features"].to_pylist()] == [
        ("acme", "Report Opened"),
        ("acme", "reports"),
    ]
