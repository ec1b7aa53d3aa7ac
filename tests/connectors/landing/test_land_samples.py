"""The real samples land whole, and their totals are the published ones, in any order and any number of parts."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest

from connectors.contracts.maps import read_mapping
from connectors.systems.discovery import shipped_maps
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


# Every sample whose columns are foreign and that holds records; the events of all samples are Segment's own.
_FOREIGN = {
    "crm_product_accounts": ("crm_product/crm_accounts.csv", 15, "{id}"),
    "crm_product_subscriptions": ("crm_product/subscriptions.jsonl", 174, "{subscription_id}@{start_date}"),
    "billing_tape": ("billing_tape/hand_worked_tape.csv", 51, "{customer_id}:{period}"),
    "salesforce_accounts": ("connector_rows/salesforce/sf_account_data.csv", 10, "{id}"),
    "salesforce_account_history": ("connector_rows/salesforce/sf_account_history_data.csv", 10, "{id}"),
    "salesforce_contacts": ("connector_rows/salesforce/sf_contact_data.csv", 4, "{id}"),
    "salesforce_contact_history": ("connector_rows/salesforce/sf_contact_history_data.csv", 4, "{id}"),
    "asana_users": ("connector_rows/asana/user_data.csv", 20, "{id}"),
    "jira_users": ("connector_rows/jira/user.csv", 3, "{id}"),
}


def test_every_foreign_sample_lands_whole_by_the_map_we_ship_and_not_at_all_without(
    drop: Drop, samples: Samples
) -> None:
    assert set(shipped_maps()) == set(_FOREIGN)
    for name, (file, rows, key) in _FOREIGN.items():
        folder, _, inner = file.partition("/")
        path = samples(folder) / inner
        with path.open(newline="") as opened:
            records = csv.DictReader(opened) if path.suffix == ".csv" else map(json.loads, opened)
            ids = {key.format(**row) for row in records}
        shipped = read_mapping(name, shipped_maps())
        assert shipped.object is not None
        plain = drop.land(shipped.object, path, as_of="2024-01-01")
        mapped = drop.land(shipped.object, path, as_of="2024-01-01", mapping=name)
        assert (plain.accepted, plain.quarantined) == (0, rows), name
        assert (mapped.accepted, mapped.quarantined, mapped.is_complete) == (rows, 0, True), name
        here = [row for row in drop.bronze(shipped.object) if row["batch_id"] == mapped.files[0].batch_id]
        assert {row["record_id"] for row in here} == ids and len(here) == rows, name
        for row in here:
            # What the contract knows is typed; the rest of the export is kept beside it.
            assert len(json.loads(row["payload"])) > 1, name


def test_the_histories_of_salesforce_are_versions_from_the_times_they_began(drop: Drop, samples: Samples) -> None:
    path = samples("connector_rows") / "salesforce" / "sf_contact_history_data.csv"
    drop.land("users", path, mapping="salesforce_contact_history")
    with path.open(newline="") as opened:
        began = {(row["id"], row["_fivetran_start"]) for row in csv.DictReader(opened)}
    held = drop.bronze("users", "record_id, strftime(timezone('UTC', updated_at), '%Y-%m-%d %H:%M:%S') AS at")
    assert {(row["record_id"], row["at"]) for row in held} == began
