"""The manifest on disk: what an earlier release wrote is read, what this one writes every release before can read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse_models.published.manifest import AllFile, Manifest
from warehouse_models.published.publication import FailedCheck, Pins, Publication

MOMENT = "2026-11-02T08:00:00.123456+00:00"
# As releases until now wrote it: every key of a green tenant's entry, and those of one that was never green.
GREEN: dict[str, Any] = {
    "checks": "c0ffee", "checks_failed": 0, "contracts": "beef", "data_through": "2026-11-02", "event_lag_seconds": 12,
    "failed_checks": [], "figures_at": MOMENT, "figures_version": 3, "file": "acme/3.duckdb", "first_day": "2026-01-01",
    "held_reason": None, "held_since": None, "is_held": False, "judged": 7, "landed_through": MOMENT, "patches": 2,
    "published_at": MOMENT, "revenue_through": "2026-11-02", "run": 7, "shard": "pool",
    "silver": {"silver/product/events": 4}, "version": 3,
}  # fmt: skip
NEVER: dict[str, Any] = {
    "checks": "c0ffee", "checks_failed": 1, "contracts": "beef", "data_through": None,
    "failed_checks": [{"about": "int_user_days", "check": "unique", "kind": "dbt", "rows": 2, "words": "w"}],
    "figures_at": None, "file": None, "held_reason": "Held since 2 Nov: w", "held_since": MOMENT, "is_held": True,
    "judged": 7, "published_at": MOMENT, "run": 0, "shard": "own", "silver": {}, "version": 0,
}  # fmt: skip
# The first release that published: nothing of failing checks, contracts, patches, revenue or the collector.
FIRST: dict[str, Any] = {
    "checks_failed": 1, "data_through": "2026-09-01", "figures_at": MOMENT, "file": "bolt/2.duckdb",
    "held_reason": "w", "is_held": True, "judged": 5, "published_at": MOMENT, "run": 4, "shard": "pool",
    "silver": {"silver/product/events": 1}, "version": 2,
}  # fmt: skip


def manifest_of(**tenants: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a manifest with these entries."""
    return {
        "manifest": 9,
        "published_at": MOMENT,
        "tenants": tenants,
        "all": {"file": "_all/9.duckdb", "version": 9},
        "tables": {"pool": {"gold/dim_users": 5, "silver/product/events": 4}, "own": {}},
    }


def rewritten(content: dict[str, Any]) -> dict[str, Any]:
    """A manifest's JSON after it was read and written again."""
    written: dict[str, Any] = json.loads(Manifest.parse(json.dumps(content)).to_json())
    return written


def test_what_a_release_before_wrote_is_written_again_as_it_was() -> None:
    content = manifest_of(acme=GREEN)
    assert rewritten(content) == content
    assert Manifest.parse(json.dumps(content)).to_json() == json.dumps(content, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("entry", [NEVER, FIRST])
def test_keys_that_came_later_are_added_and_none_that_was_there_changes(entry: dict[str, Any]) -> None:
    (again,) = rewritten(manifest_of(acme=entry))["tenants"].values()
    assert again | entry == again
    assert again.keys() <= GREEN.keys()


def test_an_entry_of_the_first_release_has_the_meaning_it_had_then() -> None:
    publication = Publication.parse(FIRST)
    assert publication.has_revenue, "it shows the dashboards that it showed"
    assert "revenue_through" not in publication.to_json(), "also after another shard has published"
    assert publication.held_since == publication.published_at, "since when was not written: at the latest since then"
    assert publication.figures_version == 0, "which version its figures are of is not to be found out"
    assert (publication.failed_checks, publication.patches, publication.landed_through) == ((), 0, None)
    assert Publication.parse({**FIRST, "is_held": False}).figures_version == 2
    assert Publication.parse({"shard": "pool", "file": "acme/1.duckdb"}) == Publication(
        shard="pool", file="acme/1.duckdb", says_revenue=False
    )


def test_revenue_is_shown_where_a_day_of_it_or_a_release_that_did_not_say_is_published() -> None:
    assert Publication.parse(GREEN).has_revenue
    assert not Publication.parse({**GREEN, "revenue_through": None}).has_revenue
    assert not Publication.parse(NEVER).has_revenue
    assert not replace(Publication.parse(FIRST), file=None).has_revenue, "nothing to show"


def test_keys_of_a_later_release_are_kept_for_it() -> None:
    later = {**GREEN, "domains": {"revenue": {"is_held": True}}}
    assert rewritten(manifest_of(acme=later))["tenants"]["acme"] == later
    held = replace(Publication.parse(later), is_held=True)
    assert held.to_json()["domains"] == later["domains"]


def test_times_and_days_are_typed_where_they_are_read() -> None:
    publication = Publication.parse(GREEN)
    assert publication.figures_at == datetime(2026, 11, 2, 8, 0, 0, 123456, tzinfo=UTC)
    assert (publication.first_day, publication.data_through) == (date(2026, 1, 1), date(2026, 11, 2))
    with pytest.raises(ValueError, match="yesterday"):
        Publication.parse({**GREEN, "data_through": "yesterday"})


def test_a_state_names_its_files_its_shards_and_every_version_it_reads(tmp_path: Path) -> None:
    manifest = Manifest.parse(json.dumps(manifest_of(acme=GREEN, bolt=FIRST, cord=NEVER)))
    assert manifest.files() == {"acme/3.duckdb", "bolt/2.duckdb", "_all/9.duckdb"}
    assert set(manifest.of_shard("pool")) == {"acme", "bolt"}
    assert Pins("pool", {"silver/product/events": 1}) in list(manifest.pins()), "what the held tenant's views read"
    assert Pins("pool", manifest.tables["pool"]) in list(manifest.pins())
    assert manifest.file_of(tmp_path, "acme") == tmp_path / "acme/3.duckdb"
    assert manifest.file_of(tmp_path, "cord") is manifest.file_of(tmp_path, "nobody") is None
    assert Manifest.empty().files() == set() and Manifest.empty().all_file(tmp_path) is None


moments = st.none() | st.datetimes(timezones=st.just(UTC))
days = st.none() | st.dates()
numbers = st.integers(min_value=0, max_value=2**53)
texts = st.text(max_size=20)
publications = st.builds(
    Publication,
    shard=texts,
    file=st.none() | st.text(min_size=1, max_size=20),
    **dict.fromkeys(("version", "figures_version", "run", "judged", "checks_failed", "patches"), numbers),
    **dict.fromkeys(("published_at", "figures_at", "landed_through"), moments),
    **dict.fromkeys(("first_day", "data_through", "revenue_through"), days),
    is_held=st.booleans(),
    held_reason=st.none() | texts,
    held_since=moments.filter(bool),
    failed_checks=st.lists(st.builds(FailedCheck, texts, texts, texts, texts, numbers), max_size=3).map(tuple),
    checks=texts,
    contracts=texts,
    event_lag_seconds=st.none() | numbers,
    silver=st.dictionaries(texts, numbers, max_size=3),
)


@given(st.dictionaries(texts, publications, max_size=3), moments, numbers)
def test_every_field_comes_back_as_it_was_written(
    tenants: dict[str, Publication], published_at: datetime | None, number: int
) -> None:
    tables = {publication.shard: dict(publication.silver) for publication in tenants.values()}
    manifest = Manifest(number, published_at, tenants, AllFile("_all/1.duckdb", number), tables)
    assert Manifest.parse(manifest.to_json()) == manifest
