"""Sources: a key names one source, is kept as a hash, and counts as long as it is said to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from warehouse_models.catalog.sources import Sources, hash_of
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake


@pytest.fixture
def sources(tenure_home: Path) -> Sources:
    catalog = Catalog(Lake())
    for tenant in ("acme", "other"):
        catalog.add_tenant(tenant)
    return Sources(catalog)


def keys(sources: Sources, now: datetime | None = None) -> set[str]:
    return {key for source in sources.all() for key in source.keys(now or datetime.now(UTC))}


def test_a_key_is_kept_as_its_hash_and_nowhere_else(sources: Sources, tenure_home: Path) -> None:
    _, made = sources.add("acme", "web")
    _, given = sources.add("acme", "ios", "key-of-shipped-apps")
    assert given == "key-of-shipped-apps" and keys(sources) == {hash_of(made), hash_of(given)}
    for path in tenure_home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert made.encode() not in content and given.encode() not in content


def test_adding_the_same_source_with_the_same_key_again_changes_nothing(sources: Sources) -> None:
    first, _ = sources.add("acme", "ios", "key-of-shipped-apps")
    again, _ = sources.add("acme", "ios", "key-of-shipped-apps")
    assert again == first == sources.all()[0]


@pytest.mark.parametrize(("tenant", "name"), [("acme", "android"), ("other", "ios")])
def test_a_key_names_one_source_also_after_it_was_revoked(sources: Sources, tenant: str, name: str) -> None:
    sources.add("acme", "ios", "key-of-shipped-apps")
    sources.revoke("acme", "ios")
    with pytest.raises(TenureError, match="a key names one source"):
        sources.add(tenant, name, "key-of-shipped-apps")


def test_a_name_is_given_once_and_a_tenant_must_be_there(sources: Sources) -> None:
    sources.add("acme", "web")
    with pytest.raises(TenureError, match="has it already"):
        sources.add("acme", "web")
    sources.add("other", "web")
    for call in (sources.add, sources.rotate, sources.revoke):
        with pytest.raises(TenureError, match="does not know it"):
            call("nobody", "web")
    with pytest.raises(TenureError, match="known: web"):
        sources.revoke("acme", "ios")


@pytest.mark.parametrize("key", ["short", "with:colon-in-it", "with space in it", "ümlaut-in-the-key", "k" * 257])
def test_a_key_that_no_header_could_carry_is_refused_and_not_repeated(sources: Sources, key: str) -> None:
    with pytest.raises(TenureError) as refused:
        sources.add("acme", "web", key)
    assert key not in str(refused.value)


def test_a_rotated_key_counts_on_for_its_grace_and_no_longer(sources: Sources) -> None:
    _, old = sources.add("acme", "web")
    rotated, new = sources.rotate("acme", "web", grace=timedelta(hours=1))
    assert rotated.version == 2
    assert keys(sources) == {hash_of(old), hash_of(new)}
    assert rotated.old_key_until is not None
    assert keys(sources, rotated.old_key_until - timedelta(microseconds=1)) == {hash_of(old), hash_of(new)}
    assert keys(sources, rotated.old_key_until) == {hash_of(new)}
    _, last = sources.rotate("acme", "web", grace=timedelta(0))
    assert keys(sources) == {hash_of(last)}


def test_a_revoked_source_has_no_key_until_it_is_rotated_and_then_only_the_new_one(sources: Sources) -> None:
    sources.add("acme", "web")
    sources.rotate("acme", "web")
    assert sources.revoke("acme", "web").version == 3
    assert keys(sources) == set()
    _, new = sources.rotate("acme", "web")
    assert keys(sources) == {hash_of(new)}


def test_sources_added_at_once_are_all_there(sources: Sources) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: Sources(Catalog(Lake())).add("acme", f"s{n}"), range(8)))
    assert len(keys(sources)) == 8
