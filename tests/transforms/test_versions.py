"""Versions of records by hand (DESIGN §3 and §8): what `--complete` replaces, and that landing order never matters."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes import land_rows, silver
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

Delivery = tuple[list[dict[str, Any]], dict[str, Any]]
COLUMNS = "account_id, name, strftime(valid_from, '%d %b'), strftime(valid_to, '%d %b'), is_deleted"


def row(day: int, name: str, account: str = "a", **more: Any) -> dict[str, Any]:
    return {"account_id": account, "name": name, "updated_at": f"2024-03-{day:02}T00:00:00Z"} | more


def complete(as_of: int, *rows: dict[str, Any]) -> Delivery:
    return list(rows), {"complete": True, "as_of": f"2024-03-{as_of:02}"}


def versions(folder: Path, patch: pytest.MonkeyPatch, deliveries: list[Delivery]) -> list[tuple[Any, ...]]:
    """Land the deliveries one by one with a run after each."""
    patch.setenv("TENURE_HOME", str(folder / "home"))
    lake = Lake()
    Catalog(lake).add_tenant("acme")
    for rows, options in deliveries:
        land_rows(lake, "acme", "accounts", rows, folder / "drop", **options)
        run_transforms(lake, "pool", only=["silver/crm/versions", "silver/crm/accounts"])
    return sorted(silver(lake, "silver/crm/accounts", COLUMNS), key=repr)


@pytest.fixture
def versions_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def every_order(*deliveries: Delivery) -> list[tuple[Any, ...]]:
        """The versions, the same for every order of landing."""
        histories = []
        for number, order in enumerate(permutations(deliveries)):
            histories.append(versions(tmp_path / str(number), monkeypatch, list(order)))
        assert all(one == histories[0] for one in histories), histories
        return histories[0]

    return every_order


def test_a_version_equal_to_its_predecessor_adds_nothing_and_one_equal_to_an_older_one_is_new(versions_of: Any) -> None:
    rows = [row(1, "A"), row(2, "A"), row(3, "B"), row(4, "A")]
    assert versions_of((rows[::2], {}), (rows[1::2], {})) == [
        ("a", "A", "01 Jan", "03 Mar", False),
        ("a", "A", "04 Mar", None, False),
        ("a", "B", "03 Mar", "04 Mar", False),
    ]


def test_a_delete_is_a_version(versions_of: Any) -> None:
    assert versions_of(([row(1, "A")], {}), ([row(5, "A", is_deleted=True)], {})) == [
        ("a", "A", "01 Jan", "05 Mar", False),
        ("a", None, "05 Mar", None, True),
    ]


def test_a_complete_delivery_replaces_what_was_known_of_the_ids_it_names_and_of_no_other(versions_of: Any) -> None:
    earlier = [row(1, "A"), row(2, "wrong"), row(1, "other", account="b")]
    assert versions_of((earlier, {}), complete(9, row(1, "A"), row(4, "D"))) == [
        ("a", "A", "01 Jan", "04 Mar", False),
        ("a", "D", "04 Mar", None, False),
        ("b", "other", "01 Jan", None, False),
    ]


def test_a_complete_delivery_corrects_a_row_of_the_same_time_without_a_conflict(versions_of: Any) -> None:
    assert versions_of(([row(2, "typo")], {}), complete(9, row(2, "right"))) == [("a", "right", "01 Jan", None, False)]


def test_what_became_true_after_a_complete_delivery_stays(versions_of: Any) -> None:
    assert versions_of(([row(2, "old"), row(20, "news")], {}), complete(9, row(3, "A"))) == [
        ("a", "A", "01 Jan", "20 Mar", False),
        ("a", "news", "20 Mar", None, False),
    ]


def test_of_two_complete_deliveries_the_one_true_at_the_later_time_counts(versions_of: Any) -> None:
    assert versions_of(complete(5, row(1, "first")), complete(9, row(2, "second")), ([row(3, "x")], {})) == [
        ("a", "second", "01 Jan", None, False)
    ]
