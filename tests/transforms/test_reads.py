"""What a run reads: the files of its slices alone, and of known messages as much as decides which copy wins."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.support.lakes import land_rows, silver
from transforms.engines.duckdb import DuckDBEngine
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.slices import conditions
from warehouse_models.specs import spec

EVENTS, USAGE = spec("silver/product/events"), spec("silver/product/usage_daily")
RECEIVED = "2024-03-09T11:00:00Z"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "home"))
    lake = Lake()
    for tenant in ("acme", "bolt"):
        Catalog(lake).add_tenant(tenant)
    return lake


def page(day: str, message: str, **fields: str) -> dict[str, str]:
    return {"type": "page", "messageId": message, "userId": "u", "timestamp": f"{day}T10:00:00Z"} | fields


def files(lake: Lake, address: str) -> list[Path]:
    return sorted(Path(lake.shard("pool").table_uri(address)).rglob("*.parquet"))


def test_days_of_two_tenants_that_differ_are_read_without_the_files_between(lake: Lake, tmp_path: Path) -> None:
    for tenant in ("acme", "bolt"):
        land_rows(
            lake, tenant, "events", [page(f"2024-0{month}-02", f"m{month}") for month in (1, 2, 3)], tmp_path / "d"
        )
    run_transforms(lake, "pool")
    wanted = {"acme": frozenset({date(2024, 1, 2)}), "bolt": frozenset({date(2024, 3, 2)})}
    needed = ("tenant_id=acme/month=2024-01", "tenant_id=bolt/month=2024-03")
    for path in files(lake, USAGE.address):
        if not any(part in path.as_posix() for part in needed):
            path.unlink()
    engine = DuckDBEngine(lake)
    where = conditions(wanted, USAGE.slice_column, USAGE.month_column)
    engine.expose("usage", USAGE, lake.shard("pool").table_uri(USAGE), lake.shard("pool").version(USAGE), where)
    rows = engine.rows("SELECT tenant_id, date FROM usage ORDER BY tenant_id")
    engine.close()
    assert rows == [("acme", date(2024, 1, 2)), ("bolt", date(2024, 3, 2))]


@pytest.mark.parametrize("first", [0, 1], ids=["the smaller one landed first", "the larger one landed first"])
def test_of_two_copies_received_at_once_the_smaller_json_wins_whichever_landed_first(
    lake: Lake, tmp_path: Path, first: int
) -> None:
    copies = [page("2024-03-05", "m", receivedAt=RECEIVED, name=name) for name in ("a", "b")]
    for copy in (
        copies[first],
        copies[1 - first],
        page("2024-03-05", "m", receivedAt="2024-03-09T12:00:00Z", name="A"),
    ):
        land_rows(lake, "acme", "events", [copy], tmp_path / "d")
        run_transforms(lake, "pool")
    assert silver(lake, EVENTS.address, "message_id, name") == [("m", "a")]


def test_a_day_on_which_a_known_message_stands_keeps_its_other_rows(lake: Lake, tmp_path: Path) -> None:
    land_rows(
        lake,
        "acme",
        "events",
        [page("2024-01-09", "m", receivedAt=RECEIVED), page("2024-01-09", "other"), page("2024-02-09", "far")],
        tmp_path / "d",
    )
    run_transforms(lake, "pool")
    land_rows(lake, "acme", "events", [page("2024-03-01", "m", receivedAt="2024-03-09T10:00:00Z")], tmp_path / "d")
    run_transforms(lake, "pool")
    messages = sorted(silver(lake, EVENTS.address, "message_id, event_date"))
    assert messages == [("far", date(2024, 2, 9)), ("m", date(2024, 3, 1)), ("other", date(2024, 1, 9))]
