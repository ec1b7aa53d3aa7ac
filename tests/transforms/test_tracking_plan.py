"""What a tracking plan makes of events, by hand (METRICS §1, Feature), and whom a change of settings recomputes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes import land_rows, silver, whole
from transforms.definition import order
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.policies import policy

PLAN = {
    "version": 1,
    "events": {
        "Report Created": {"feature": "reports", "required": ["report_id", "amount"]},
        "Report Shared": {"feature": "reports"},
        "Opened": None,
        "Beat": {"ignore": True},
    },
}


def track(message: str, event: str, user: str = "ann", **properties: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": event, "messageId": message, "userId": user, "properties": properties,
        "timestamp": "2024-03-01T10:00:00Z",
    }  # fmt: skip


EVENTS = [
    track("whole", "Report Created", report_id=7, amount=0),
    track("one", "Report Created", report_id="r"),
    track("two", "Report Created", report_id="", amount=None),
    track("no_properties", "Report Created") | {"properties": None},
    track("shared", "Report Shared"),
    track("own_name", "Opened"),
    track("ignored", "Beat"),
    track("unknown", "report created"),
    track("internal", "Nonsense", user="staff"),
    {"type": "page", "messageId": "page", "userId": "ann", "timestamp": "2024-03-01T10:00:00Z"},
]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "home"))
    lake = Lake()
    for tenant in ("acme", "bolt"):
        Catalog(lake).add_tenant(tenant, settings={"internal_users": {"users": ["staff"]}})
        land_rows(lake, tenant, "events", EVENTS, tmp_path / "drop")
    run_transforms(lake, "pool")
    return lake


def features(lake: Lake, tenant: str) -> dict[str, tuple[Any, ...]]:
    """{message id: (feature, plan_miss, is_qualifying)}."""
    rows = silver(lake, "silver/product/activity", "tenant_id, message_id, feature, plan_miss, is_qualifying")
    return {message: tuple(row) for owner, message, *row in rows if owner == tenant}


def versions(lake: Lake) -> dict[str, int | None]:
    return {address.split("/")[-1]: lake.shard("pool").version(address) for address in order()}


def test_a_plan_names_features_and_what_misses_it_is_marked_and_still_counts(lake: Lake) -> None:
    Catalog(lake).set_tenant("acme", tracking_plan=PLAN)
    run_transforms(lake, "pool")
    assert features(lake, "acme") == {
        "whole": ("reports", None, True),
        "one": ("reports", "missing amount", True),
        "two": ("reports", "missing amount, report_id", True),
        "no_properties": ("reports", "missing amount, report_id", True),
        "shared": ("reports", None, True),
        "own_name": ("Opened", None, True),
        "ignored": (None, None, True),
        "unknown": (None, "unknown event", True),
        "internal": (None, "unknown event", False),
        "page": (None, None, True),
    }
    usage = silver(lake, "silver/product/usage_daily", "tenant_id, feature, events")
    assert sorted((f or "", n) for t, f, n in usage if t == "acme") == [("", 3), ("Opened", 1), ("reports", 5)]


def test_without_a_plan_every_track_name_is_a_feature_and_nothing_misses_it(lake: Lake) -> None:
    assert features(lake, "bolt") == {
        **{m: (name, None, True) for m, name in (("whole", "Report Created"), ("one", "Report Created"))},
        **{m: (name, None, True) for m, name in (("two", "Report Created"), ("no_properties", "Report Created"))},
        **{m: (name, None, True) for m, name in (("shared", "Report Shared"), ("own_name", "Opened"))},
        **{m: (name, None, True) for m, name in (("ignored", "Beat"), ("unknown", "report created"))},
        "internal": (None, None, False),
        "page": (None, None, True),
    }


def test_a_changed_setting_rewrites_its_tenant_only_and_only_the_tables_that_read_it(lake: Lake) -> None:
    catalog, before = Catalog(lake), versions(lake)
    catalog.set_tenant("acme", tracking_plan=PLAN)
    first = {result.address.split("/")[-1]: result for result in run_transforms(lake, "pool")}
    moved = {name for name, version in versions(lake).items() if version != before[name]}
    assert moved == {"activity", "sessions", "usage_daily"}, "events, identities and records do not read the plan"
    for name in moved:
        trail = lake.shard("pool").trail(f"silver/product/{name}", after=before[name])
        assert not trail.full and set(trail.slices) == {"acme"}, name
        assert first[name].rows < len(silver(lake, f"silver/product/{name}"))

    before = versions(lake)
    catalog.set_tenant("acme", trend_min_events=7, event_time_floor="2001-01-01")
    assert catalog.set_tenant("acme", tracking_plan=PLAN).version == 3, "the same plan again is no change"
    run_transforms(lake, "pool")
    assert versions(lake) == before, "no silver table reads these values"

    step_by_step = {address: whole(lake, address) for address in order()}
    run_transforms(lake, "pool", full_refresh=True)
    assert {address: whole(lake, address) for address in order()} == step_by_step


def test_a_plan_taken_back_leaves_what_was_before_it(lake: Lake) -> None:
    catalog, before = Catalog(lake), {address: whole(lake, address) for address in order()}
    for plan in (PLAN, {"version": 2, "events": {"Beat": {"feature": "beats"}}}, ""):
        catalog.set_tenant("acme", tracking_plan=plan)
        run_transforms(lake, "pool")
    assert {address: whole(lake, address) for address in order()} == before


def test_a_changed_default_recomputes_those_who_follow_it_and_nobody_who_set_the_value(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Catalog(lake).set_tenant("bolt", session_gap_minutes=30)
    run_transforms(lake, "pool")
    before = versions(lake)
    copy = tmp_path / "policies"
    shutil.copytree(policy.FOLDER, copy)
    file = copy / "engagement.v1.yaml"
    file.write_text(file.read_text().replace("session_gap_minutes: 30", "session_gap_minutes: 20"))
    try:
        with monkeypatch.context() as patch:
            patch.setattr(policy, "FOLDER", copy)
            policy.engagement_defaults.cache_clear()
            run_transforms(lake, "pool")
    finally:
        policy.engagement_defaults.cache_clear()
    assert {name for name, version in versions(lake).items() if version != before[name]} == {"sessions"}
    assert set(lake.shard("pool").trail("silver/product/sessions", after=before["sessions"]).slices) == {"acme"}
