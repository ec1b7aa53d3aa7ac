"""A catalog table: its columns are its row's fields; changes of two writers are the same changes in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse_models.catalog.hooks import Hooks, SecretMaker
from warehouse_models.catalog.rotation import counting, kept_beside
from warehouse_models.catalog.sources import Sources
from warehouse_models.catalog.table import CatalogTable
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

TIME = pa.timestamp("us", tz="UTC")
AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
# What homes hold that were made before there was a CatalogTable.
LAYOUT = {
    "tenants": "tenant_id shard state name settings quotas version updated_at",
    "shards": "shard kind updated_at",
    "sources": "tenant_id source_id name state key_sha old_key_sha old_key_until version created_at updated_at",
    "hooks": "tenant_id hook_id system name state secret_ref old_secret_ref old_secret_until version created_at "
    "updated_at",
}
TYPES = dict.fromkeys(("old_key_until", "old_secret_until", "created_at", "updated_at"), TIME) | {"version": pa.int64()}


@dataclass(frozen=True)
class Channel:
    tenant_id: str
    name: str
    size: int
    labels: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    updated_at: datetime | None = field(default=None, compare=False)


def channels(root: str) -> CatalogTable[Channel]:
    return CatalogTable(Lake(root), "channels", Channel, thing="channel", command="tenure channel")


def rows_of(table: CatalogTable[Channel]) -> list[tuple[object, ...]]:
    return [tuple(vars(row).values())[:-1] for row in table.read()]


# -- two writers -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Put:
    """Add a channel, or change the one there is in a way that shows when it is lost, doubled or out of order."""

    tenant: str
    name: str
    size: int

    def __call__(self, table: CatalogTable[Channel]) -> None:
        row = Channel(self.tenant, self.name, self.size)
        there = table.add(row, lambda rows: next((r for r in rows if (r.tenant_id, r.name) == self.key), None))
        if there is not row:
            table.update(self.key, lambda old: replace(old, size=old.size * 3 + self.size, labels={"by": self.size}))

    @property
    def key(self) -> tuple[str, str]:
        return (self.tenant, self.name)


class HeldUp(CatalogTable[Channel]):
    """A writer who is held up between reading and writing, while another one commits."""

    meanwhile: list[Callable[[], None]]

    def change(self, change: Callable[[list[Channel]], tuple[list[Channel], Any]]) -> Any:
        def held_up(rows: list[Channel]) -> tuple[list[Channel], Any]:
            after = change(rows)
            if self.meanwhile and after[0] != rows:
                self.meanwhile.pop()()
            return after

        return super().change(held_up)


def held_up(table: CatalogTable[Channel], meanwhile: Callable[[], None]) -> HeldUp:
    writer = HeldUp(table.lake, table.name, table.row_class, table.thing, table.command)
    object.__setattr__(writer, "meanwhile", [meanwhile])
    return writer


puts = st.builds(Put, st.sampled_from(["acme", "other"]), st.sampled_from(["a", "b"]), st.integers(1, 9))


@given(turns=st.lists(st.tuples(puts, st.lists(puts, max_size=3)), max_size=5))
@settings(max_examples=20, deadline=None)
def test_changes_of_two_writers_are_the_same_changes_one_after_the_other(
    turns: list[tuple[Put, list[Put]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("lake")
    together, in_turn = channels(str(root / "together")), channels(str(root / "in_turn"))
    for first, others in turns:

        def meanwhile(others: list[Put] = others) -> None:
            for put in others:
                put(channels(together.lake.root))

        first(held_up(together, meanwhile))
        # Whoever was held up decides again on what the other one wrote.
        for put in (*others, first):
            put(in_turn)
        assert rows_of(together) == rows_of(in_turn)


def test_a_change_that_others_win_thirty_times_is_given_up_and_nothing_of_it_is_written(tmp_path: Path) -> None:
    table = channels(str(tmp_path))
    Put("acme", "a", 1)(table)
    tries: list[int] = []

    def change(rows: list[Channel]) -> tuple[list[Channel], None]:
        tries.append(1)
        Put("acme", "a", 1)(channels(str(tmp_path)))
        return [replace(row, name="lost") for row in rows], None

    with pytest.raises(TenureError, match="other processes keep changing it"):
        table.change(change)
    assert len(tries) == 30 and [row.name for row in table.read()] == ["a"]


# -- versions and errors -----------------------------------------------------------------------------------------------
def test_a_change_counts_one_version_and_says_when_and_no_change_writes_nothing(tmp_path: Path) -> None:
    table = channels(str(tmp_path))
    Put("acme", "a", 1)(table)
    start = datetime.now(UTC)
    changed = table.update(("acme", "a"), lambda row: replace(row, size=2))
    assert (changed.version, table.one("acme", "a")) == (2, changed)
    assert changed.updated_at and changed.updated_at >= start
    commits = DeltaTable(table.lake.catalog_uri("channels")).version()
    assert table.update(("acme", "a"), lambda row: replace(row, size=2)) == changed
    assert table.add(changed, lambda rows: rows[0]) == changed
    assert DeltaTable(table.lake.catalog_uri("channels")).version() == commits


def test_a_name_that_is_not_there_is_answered_by_those_of_the_tenant_and_leaves_no_table(tmp_path: Path) -> None:
    table = channels(str(tmp_path / "lake"))
    with pytest.raises(TenureError, match=r"channel a: .*known: none yet.*tenure channel list --tenant acme"):
        table.update(("acme", "a"), lambda row: row)
    assert not (tmp_path / "lake").exists()
    for put in (Put("acme", "b", 1), Put("acme", "a", 1), Put("other", "c", 1)):
        put(table)
    with pytest.raises(TenureError, match=r"tenant acme has none of this name \(known: a, b\)"):
        table.one("acme", "c")
    assert [row.name for row in table.read()] == ["a", "b", "c"] and [row.name for row in table.read("other")] == ["c"]


def test_a_field_of_a_type_that_no_column_has_is_an_error_of_the_declaration(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Wrong:
        name: str
        path: Path

    with pytest.raises(KeyError):
        _ = CatalogTable(Lake(str(tmp_path)), "wrong", Wrong, thing="wrong", command="tenure").schema


# -- rotation ----------------------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=8))
def test_of_rotated_values_the_newest_counts_and_at_most_one_before_it_until_its_end(
    rotations: list[tuple[int, int]],
) -> None:
    now, values, old, until = AT, ["v0"], None, None
    ends = {"v0": AT + timedelta(days=1)}
    for number, (pause, grace) in enumerate(rotations, 1):
        now += timedelta(hours=pause)
        counts = counting(values[-1], old, until, now)
        old, until = kept_beside(counts, now, timedelta(hours=grace))
        ends[values[-1]] = now + timedelta(hours=grace)
        values.append(f"v{number}")
        expected = [values[-1], *([values[-2]] if grace else [])]
        assert counting(values[-1], old, until, now) == expected
    for value in counting(values[-1], old, until, now)[1:]:
        assert now < ends[value] and counting(values[-1], old, until, ends[value]) == values[-1:]


# -- a home of before --------------------------------------------------------------------------------------------------
def raw(lake: Lake, name: str) -> list[dict[str, Any]]:
    table = DeltaTable(lake.catalog_uri(name))
    rows: list[dict[str, Any]] = pa.table(QueryBuilder().register("t", table).execute("SELECT * FROM t")).to_pylist()
    return rows


def written_before(lake: Lake, name: str, *rows: Sequence[object]) -> None:
    """A catalog table as it was written before there was a CatalogTable."""
    names = LAYOUT[name].split()
    schema = pa.schema([(column, TYPES.get(column, pa.string())) for column in names])
    data = [dict(zip(names, row, strict=True)) for row in rows]
    table = lake.create_at(lake.catalog_uri(name), schema)
    rows_in = pa.Table.from_pylist(data, schema=schema)
    table.merge(rows_in, "false", source_alias="s", target_alias="t").when_not_matched_insert_all().execute()


@pytest.fixture
def before(tenure_home: Path) -> Lake:
    lake = Lake()
    plan = '{"session_gap_minutes": 45, "trend_min_events": 10}'
    acme = ("acme", "pool", "active", "\u00dcmlaut", plan, '{"max_file_rows": 7}', 3, AT)
    written_before(lake, "tenants", ("solo", "own", "sandbox", "solo", "{}", "{}", 1, AT), acme)
    written_before(lake, "shards", ("own", "dedicated", AT), ("eu", "pooled", AT))
    sha = "a" * 64
    written_before(lake, "sources", ("acme", "src_1", "web", "active", sha, "b" * 64, AT, 2, AT, AT))
    hook = ("acme", "hook_1", "jira", "jira", "active", "file:hook_1", None, None, 1, AT, AT)
    written_before(lake, "hooks", hook)
    return lake


def test_a_home_of_before_is_read(before: Lake) -> None:
    catalog = Catalog(before)
    acme = catalog.tenant("acme")
    assert (acme.settings, acme.quotas) == ({"session_gap_minutes": 45, "trend_min_events": 10}, {"max_file_rows": 7})
    assert (acme.name, acme.version, acme.updated_at) == ("\u00dcmlaut", 3, AT)
    assert [(shard.name, shard.kind) for shard in catalog.shards()] == [
        ("eu", "pooled"),
        ("own", "dedicated"),
        ("pool", "pooled"),
    ]
    assert Sources(catalog).all("acme")[0].keys(AT) == ["a" * 64]
    assert Hooks(catalog, {}).all()[0].references(AT) == ["file:hook_1"]


def test_a_home_of_before_is_changed_in_its_own_layout_and_its_other_rows_stay_as_they_are(before: Lake) -> None:
    catalog = Catalog(before)
    kept = {name: raw(before, name) for name in LAYOUT}
    catalog.set_tenant("acme", events_per_second=50)
    catalog.add_shard("us")
    Sources(catalog).rotate("acme", "web")
    Hooks(catalog, {"jira": SecretMaker.US}).add("solo", "jira", "second")
    for name, columns in LAYOUT.items():
        schema = DeltaTable(before.catalog_uri(name)).schema()
        assert [field.name for field in schema.fields] == columns.split()
        assert pa.schema(schema.to_arrow()).field("updated_at").type == TIME
    solo, acme = raw(before, "tenants")
    assert solo == kept["tenants"][0]
    assert acme["quotas"] == '{"events_per_second": 50, "max_file_rows": 7}'
    assert (acme["settings"], acme["version"]) == (kept["tenants"][1]["settings"], 4) and acme["updated_at"] > AT
    assert raw(before, "shards")[:2] == kept["shards"] and raw(before, "hooks")[:1] == kept["hooks"]
    (web,) = raw(before, "sources")
    assert (web["old_key_sha"], web["version"], web["created_at"]) == ("a" * 64, 3, AT)
