"""How far a tenant's data goes, by hand (METRICS §1, data_through): the latest of three days, never the clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes import land_rows, silver
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

EVENT = {"type": "page", "userId": "u", "messageId": "m"}


@pytest.mark.parametrize(
    ("times", "as_of", "through"),
    [
        ({"timestamp": "2024-03-01T10:00:00Z"}, None, "2024-03-01"),
        ({"timestamp": "2024-03-01T10:00:00Z", "receivedAt": "2024-03-04T10:00:00Z"}, None, "2024-03-04"),
        # A clock that runs ahead, by less than the clamp, over midnight.
        ({"timestamp": "2024-03-02T00:01:00Z", "receivedAt": "2024-03-01T23:58:00Z"}, None, "2024-03-02"),
        ({"timestamp": "2024-03-01T10:00:00Z"}, "2024-03-31", "2024-03-31"),
        ({"timestamp": "2024-03-01T10:00:00Z"}, "2024-02-01", "2024-03-01"),
    ],
    ids=["event", "received", "ahead", "watermark", "old watermark"],
)
def test_data_goes_through_the_latest_of_event_receipt_and_watermark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: dict[str, Any], as_of: str | None, through: str
) -> None:
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "home"))
    lake = Lake()
    Catalog(lake).add_tenant("acme")
    land_rows(lake, "acme", "events", [EVENT | times], tmp_path / "drop", as_of=as_of)
    run_transforms(lake, "pool", only=["silver/product/events", "silver/product/coverage"])
    assert silver(lake, "silver/product/coverage", "data_through::VARCHAR") == [(through,)]
