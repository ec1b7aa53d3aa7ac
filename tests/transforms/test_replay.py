"""A row that a replay brought in counts as if it had landed at once: silver is the same, run by run or in full."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.landing.land import land
from connectors.landing.open_rows import Filter
from connectors.landing.replay import replay
from tests.support.lakes import silver, whole
from transforms.definition import order
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake


def event(number: int, user: str, minute: int, **more: Any) -> dict[str, Any]:
    at = f"2024-03-05T23:{minute:02}:00Z"
    return {"messageId": f"m{number}", "type": "track", "event": "Opened", "userId": user, "timestamp": at} | more


# A claim, a copy received earlier, a gap that a row closes: each of them changes what other rows mean.
EVENTS = [
    event(1, "u1", 0, receivedAt="2024-03-06T00:00:00Z"),
    event(2, "u1", 50),
    event(3, "", 10, anonymousId="a1"),
    event(4, "u2", 12, anonymousId="a1", properties={"x": "y" * 3_000}),
    event(1, "u3", 1, receivedAt="2024-03-05T23:59:00Z", properties={"x": "y" * 3_000}),
    event(5, "u1", 25, properties={"x": "y" * 3_000}),
]


def lake_of(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Lake, Catalog]:
    folder.mkdir()
    patch.setenv("TENURE_HOME", str(folder / "tenure"))
    lake = Lake()
    catalog = Catalog(lake)
    catalog.add_tenant("acme")
    return lake, catalog


def test_silver_after_a_replay_is_silver_of_a_file_that_was_right_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in EVENTS))
    lake, catalog = lake_of(tmp_path / "at_once", monkeypatch)
    assert land(lake, catalog, "acme", "events", [path]).accepted == 6
    run_transforms(lake, "pool")
    right = {address: whole(lake, address) for address in order()}

    lake, catalog = lake_of(tmp_path / "replayed", monkeypatch)
    monkeypatch.setenv("TENURE_MAX_ROW_BYTES", "2000")
    report = land(lake, catalog, "acme", "events", [path])
    assert (report.accepted, report.quarantined) == (3, 3)
    run_transforms(lake, "pool")
    assert whole(lake, "silver/product/sessions") != right["silver/product/sessions"]
    monkeypatch.delenv("TENURE_MAX_ROW_BYTES")
    assert replay(lake, catalog, "acme").accepted == 3
    run_transforms(lake, "pool")
    step_by_step = {address: whole(lake, address) for address in order()}
    run_transforms(lake, "pool", full_refresh=True)
    for address in order():
        assert step_by_step[address] == right[address], address
        assert whole(lake, address) == right[address], address


def test_a_replayed_row_of_a_complete_delivery_replaces_what_its_delivery_replaces_and_no_later_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, catalog = lake_of(tmp_path / "lake", monkeypatch)

    def lands(name: str, *rows: dict[str, Any], **how: Any) -> None:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        land(lake, catalog, "acme", "accounts", [path], **how)

    lands("before.jsonl", {"account_id": "a", "name": "old", "updated_at": "2024-03-01"})
    lands("complete.jsonl", {"id": "a", "name": "complete"}, {"account_id": "b"}, complete=True)
    # True after the complete delivery landed, and known before its refused row was replayed.
    lands("news.jsonl", {"account_id": "a", "name": "news"})
    run_transforms(lake, "pool")
    mapping = tmp_path / "map.yaml"
    mapping.write_text("columns: {account_id: id}")
    assert replay(lake, catalog, "acme", Filter(object="accounts"), mapping=mapping).accepted == 1
    run_transforms(lake, "pool")
    named = silver(lake, "silver/crm/accounts", "name, valid_to IS NULL")
    assert sorted(named, key=str) == [("complete", False), ("news", True), (None, True)]
