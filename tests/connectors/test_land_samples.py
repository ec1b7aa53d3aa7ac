"""The real samples land whole, and their totals are the published ones, in any order and any number of parts."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest

from tests.connectors.conftest import Drop

Samples = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "rows", "users"),
    [("git_history", 4_139, 339), ("ecom_clickstream", 31_106, 600), ("crm_product", 19_994, None)],
)
def test_a_real_event_file_lands_whole_and_twice_adds_nothing(
    drop: Drop, samples: Samples, name: str, rows: int, users: int | None
) -> None:
    path = samples(name) / "segment_events.jsonl.gz"
    first, again = drop.land("events", path), drop.land("events", path)
    assert (first.accepted, first.duplicate, first.quarantined, first.is_complete) == (rows, 0, 0, True)
    assert (again.accepted, again.duplicate, again.quarantined) == (0, rows, 0)
    landed = drop.bronze(columns="user_id")
    assert len(landed) == rows
    if users is not None:
        assert len({row["user_id"] for row in landed}) == users


def test_git_history_shuffled_and_in_three_parts_is_the_same_bronze(drop: Drop, samples: Samples) -> None:
    folder = samples("git_history")
    lines = gzip.decompress((folder / "segment_events.jsonl.gz").read_bytes()).splitlines()
    random.Random(7).shuffle(lines)
    for part in range(3):
        # Overlapping parts: a row in two of them is there once.
        overlap = lines[part::3] + lines[(part + 1) % 3 :: 30]
        drop.land("events", drop.file(f"part{part}.jsonl", b"\n".join(overlap)))
    rows = drop.bronze(columns="payload_sha, group_id, user_id, timestamp")
    assert len({row["payload_sha"] for row in rows}) == len(rows) == 4_139
    by_month: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        month = row["timestamp"].astimezone(UTC).strftime("%Y-%m-01")
        by_month.setdefault((row["group_id"], month), set()).add(row["user_id"])
    with (folder / "expected" / "account_month.csv").open() as file:
        expected = {(row["account_id"], row["month"]): int(row["active_users"]) for row in csv.DictReader(file)}
    assert set(by_month) == set(expected)


def test_the_foreign_accounts_of_crm_product_land_by_the_map_we_ship(drop: Drop, samples: Samples) -> None:
    path = samples("crm_product") / "crm_accounts.csv"
    shipped = Path(__file__).resolve().parents[2] / "connectors" / "maps" / "crm_product_accounts.yaml"
    plain = drop.land("accounts", path)
    mapped = drop.land("accounts", path, mapping=shipped)
    assert (plain.accepted, plain.quarantined) == (0, 15)
    assert (mapped.accepted, mapped.quarantined) == (15, 0)
    assert {row["record_id"] for row in drop.bronze("accounts")} >= {"1", "3", "25"}
