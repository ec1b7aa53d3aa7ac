"""The catalog routes tenants to shards, refuses names that collide, and survives two writers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(Lake(str(tmp_path / "lake")))


def test_the_pooled_default_shard_is_there_from_the_first_day(catalog: Catalog) -> None:
    assert [(shard.name, shard.kind) for shard in catalog.shards()] == [("pool", "pooled")]
    assert catalog.add_tenant("acme").shard == "pool"


def test_adding_a_tenant_again_changes_nothing(catalog: Catalog) -> None:
    first = catalog.add_tenant("acme", settings={"trend_min_events": 10})
    assert catalog.add_tenant("acme") == first
    assert len(catalog.tenants()) == 1


@pytest.mark.parametrize("slug", ["Acme", "a", "1st", "ac__me", "acme-eu", "", "x" * 42, "acme eu", "ácme"])
def test_a_name_outside_the_slug_rule_is_refused(catalog: Catalog, slug: str) -> None:
    with pytest.raises(TenureError):
        catalog.add_tenant(slug)


def test_spellings_that_collide_are_refused_and_never_folded_together(catalog: Catalog) -> None:
    catalog.add_tenant("acme_eu")
    with pytest.raises(TenureError, match="acme_eu"):
        catalog.add_tenant("acmeeu")
    assert [tenant.tenant_id for tenant in catalog.tenants()] == ["acme_eu"]


def test_a_dedicated_shard_takes_one_tenant(catalog: Catalog) -> None:
    catalog.add_shard("own", "dedicated")
    catalog.add_tenant("solo", "own")
    with pytest.raises(TenureError, match="dedicated to solo"):
        catalog.add_tenant("other", "own")


def test_a_setting_is_checked_counted_and_taken_back(catalog: Catalog) -> None:
    catalog.add_tenant("acme")
    assert catalog.set_tenant("acme", session_gap_minutes="45").settings == {"session_gap_minutes": 45}
    assert catalog.set_tenant("acme", session_gap_minutes="45").version == 2, "no change, no version"
    assert catalog.set_tenant("acme", session_gap_minutes="").settings == {}
    with pytest.raises(TenureError, match="known settings"):
        catalog.set_tenant("acme", session_gap_minute=45)
    with pytest.raises(TenureError, match="whole number"):
        catalog.set_tenant("acme", session_gap_minutes="half an hour")


def test_an_unknown_tenant_error_lists_the_known_ones(catalog: Catalog) -> None:
    catalog.add_tenant("acme")
    with pytest.raises(TenureError, match="known: acme"):
        catalog.tenant("acne")


def test_changes_at_once_are_all_kept(catalog: Catalog) -> None:
    catalog.add_tenant("first")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: Catalog(catalog.lake).add_tenant(f"tenant{i}"), range(4)))
    assert len(catalog.tenants()) == 5


def test_the_first_changes_of_a_lake_at_once_are_all_kept(tmp_path: Path) -> None:
    for round_ in range(10):
        root, together = str(tmp_path / str(round_)), Barrier(4)

        def add(number: int, root: str = root, start: Barrier = together) -> None:
            start.wait()
            Catalog(Lake(root)).add_tenant(f"tenant{number}")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(add, range(4)))
        assert len(Catalog(Lake(root)).tenants()) == 4
