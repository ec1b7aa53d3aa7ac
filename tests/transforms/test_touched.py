"""What touches a slice besides its own new rows (DESIGN §4), by hand: a late fact restates the days it reaches, only.

Each example lands one file, runs, lands a late file, runs again, and reads both the figures and the replaced slices.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes import land_rows, silver
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import read_trail
from warehouse_models.specs import spec

Row = dict[str, Any]


class World:
    """One tenant; `late(...)` lands and runs, and remembers which days each table replaced."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lake = folder, Lake()
        self.days: dict[str, list[int]] = {}
        Catalog(self.lake).add_tenant("acme")

    def first(self, *rows: Row, object: str = "events", **options: Any) -> World:
        land_rows(self.lake, "acme", object, rows, self.folder / "drop", **options)
        run_transforms(self.lake, "pool")
        return self

    def late(self, *rows: Row, object: str = "events", **options: Any) -> World:
        names = [f"silver/product/{name}" for name in ("events", "activity", "sessions", "usage_daily")]
        before = {name: self.lake.shard("pool").version(name) for name in names}
        self.first(*rows, object=object, **options)
        for name in names:
            table = self.lake.shard("pool").table(spec(name))
            assert table is not None
            dates = read_trail(table, before[name]).slices.get("acme", frozenset())
            assert dates is not None, f"{name}: everything was replaced"
            self.days[name.rpartition("/")[2]] = sorted((day - date(2024, 3, 1)).days + 1 for day in dates)
        return self

    def usage(self, columns: str = "user_id, anonymous_id, account_id, events") -> set[tuple[Any, ...]]:
        return set(silver(self.lake, "silver/product/usage_daily", f"day(date), {columns}"))

    def sessions(self, columns: str = "user_id, account_id, events") -> set[tuple[Any, ...]]:
        return set(silver(self.lake, "silver/product/sessions", f"day(session_date), {columns}"))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "home"))
    return World(tmp_path)


def at(day: int, message: str, clock: str = "10:00", **fields: Any) -> Row:
    """A page view on March `day`, unless `fields` say otherwise."""
    return {"type": "page", "messageId": message, "timestamp": f"2024-03-{day:02}T{clock}:00Z"} | fields


def test_a_late_event_restates_its_own_day_and_the_days_whose_sessions_it_could_reach(world: World) -> None:
    world.first(*(at(day, f"m{day}", userId="u") for day in range(1, 21)))
    world.late(at(10, "late", "10:05", userId="u"))
    assert world.days == {"events": [10], "activity": [10], "sessions": [9, 10, 11, 12], "usage_daily": [10]}
    assert (10, "u", "unresolved", 2) in world.sessions()


def test_a_copy_received_earlier_but_landed_later_moves_the_message_off_one_date_onto_the_other(world: World) -> None:
    world.first(at(5, "other", userId="u"), at(9, "m", userId="u", receivedAt="2024-03-09T11:00:00Z"))
    world.late(at(5, "m", "10:10", userId="u", receivedAt="2024-03-09T10:59:59Z"))
    assert world.days["events"] == world.days["activity"] == world.days["usage_daily"] == [5, 9]
    assert world.usage() == {(5, "u", None, "unresolved", 2)}
    assert world.sessions() == {(5, "u", "unresolved", 2)}


def test_a_copy_received_later_changes_nothing(world: World) -> None:
    world.first(at(9, "m", userId="u", receivedAt="2024-03-09T11:00:00Z"))
    world.late(at(5, "m", userId="u", receivedAt="2024-03-09T11:00:01Z"))
    assert world.days == {"events": [], "activity": [], "sessions": [], "usage_daily": []}


def test_a_late_event_joins_two_sessions_over_midnight_into_one_of_the_day_it_starts_on(world: World) -> None:
    world.first(at(1, "m1", "23:40", userId="u"), at(2, "m2", "00:15", userId="u"))
    assert world.sessions() == {(1, "u", "unresolved", 1), (2, "u", "unresolved", 1)}
    world.late(at(2, "late", "00:00", userId="u"))
    assert world.sessions() == {(1, "u", "unresolved", 3)}


def test_a_late_event_before_midnight_moves_the_cut_of_a_run_two_days_later(world: World) -> None:
    pings = [
        at(day, f"{day} {m}", f"{m // 60:02}:{m % 60:02}", userId="u") for day in (2, 3) for m in range(0, 1440, 30)
    ]
    world.first(*pings[1:])
    assert world.sessions() == {(2, "u", "unresolved", 95)}
    world.late(pings[0])
    assert world.sessions() == {(2, "u", "unresolved", 48), (3, "u", "unresolved", 48)}


def test_a_late_event_leaves_the_cuts_of_the_days_around_it_as_they_were(world: World) -> None:
    # From 00:05 on the 1st: the run is cut at the first event of the 3rd and of every day after it. Read from the 3rd
    # on it would begin on the 3rd, and the 4th would not be cut.
    clocks = [f"{m // 60:02}:{m % 60:02}" for m in range(5, 1440, 20)]
    world.first(*(at(day, f"{day} {clock}", clock, userId="u") for day in range(1, 7) for clock in clocks))
    world.late(at(5, "late", "10:01", userId="u"))
    assert world.sessions("events") == {(1, 144), (3, 72), (4, 72), (5, 73), (6, 72)}


def test_a_later_claim_renames_events_sessions_and_usage_of_older_dates(world: World) -> None:
    world.first(at(3, "m3", anonymousId="x"), at(4, "other", userId="v"), at(6, "m6", anonymousId="x"))
    world.late(at(20, "claim", anonymousId="x", userId="u"))
    assert world.days["activity"] == world.days["usage_daily"] == [3, 6, 20]
    assert world.sessions() == {(day, "u", "unresolved", 1) for day in (3, 6, 20)} | {(4, "v", "unresolved", 1)}
    assert (3, "u", None, "unresolved", 1) in world.usage()


def test_an_alias_renames_events_sessions_and_usage_of_older_dates(world: World) -> None:
    world.first(at(3, "m3", userId="old"), at(4, "other", userId="v"), at(6, "m6", anonymousId="old"))
    world.late(at(20, "alias", type="alias", previousId="old", userId="new"))
    assert world.days["activity"] == [3, 6, 20]
    assert world.sessions() == {(3, "new", "unresolved", 1), (4, "v", "unresolved", 1), (6, "new", "unresolved", 1)}


def test_a_group_call_landed_late_moves_the_account_of_the_events_after_it(world: World) -> None:
    world.first(at(3, "m3", userId="u"), at(6, "m6", userId="u"))
    world.late(at(5, "call", type="group", userId="u", groupId="acme"))
    assert world.sessions() == {(3, "u", "unresolved", 1), (6, "u", "acme", 1)}
    assert (6, "u", None, "acme", 1) in world.usage()


def test_a_new_version_of_a_users_row_moves_the_account_of_its_events_from_then_on(world: World) -> None:
    world.first({"user_id": "u", "account_id": "acme", "updated_at": "2024-03-01T00:00:00Z"}, object="users")
    world.first(at(3, "m3", userId="u"), at(4, "other", userId="v"), at(6, "m6", userId="u"))
    world.late({"user_id": "u", "account_id": "bolt", "updated_at": "2024-03-05T00:00:00Z"}, object="users")
    assert 4 not in world.days["activity"]
    assert world.sessions() == {(3, "u", "acme", 1), (4, "v", "unresolved", 1), (6, "u", "bolt", 1)}


def test_a_users_row_corrected_by_a_complete_delivery_moves_the_account_without_moving_a_time(world: World) -> None:
    row = {"user_id": "u", "account_id": "acme", "updated_at": "2024-03-01T00:00:00Z"}
    world.first(row, object="users").first(at(3, "m3", userId="u"))
    world.late(row | {"account_id": "bolt"}, object="users", complete=True, as_of="2024-03-09")
    assert world.sessions() == {(3, "u", "bolt", 1)}


@pytest.mark.parametrize(
    ("said", "taken_back"),
    [
        ({"anonymousId": "x", "userId": "u"}, (3, None, "unresolved", 1)),
        ({"type": "alias", "previousId": "x", "userId": "u"}, (3, None, "unresolved", 1)),
        ({"type": "group", "anonymousId": "x", "groupId": "acme"}, (3, None, "unresolved", 1)),
    ],
    ids=["claim", "alias", "group"],
)
def test_what_an_earlier_copy_takes_back_is_undone_on_older_dates(world: World, said: Row, taken_back: Any) -> None:
    late = said.get("type") != "group"
    world.first(at(3, "m3", anonymousId="x"), at(20 if late else 2, "said", receivedAt="2024-03-20T12:00:00Z", **said))
    assert taken_back not in world.sessions()
    world.late(at(21, "said", userId="v", receivedAt="2024-03-20T11:00:00Z"))
    assert taken_back in world.sessions()


def test_an_alias_that_an_earlier_copy_takes_back_gives_the_user_its_name_back(world: World) -> None:
    alias = at(20, "said", type="alias", previousId="old", userId="new", receivedAt="2024-03-20T12:00:00Z")
    world.first(at(3, "m3", userId="old"), alias)
    assert (3, "new", "unresolved", 1) in world.sessions()
    world.late(at(21, "said", userId="v", receivedAt="2024-03-20T11:00:00Z"))
    assert (3, "old", "unresolved", 1) in world.sessions()


def test_a_user_found_to_be_internal_leaves_sessions_and_usage_of_older_dates(world: World) -> None:
    Catalog(world.lake).set_tenant("acme", internal_users={"domains": ["corp.example"]})
    world.first(at(3, "m3", userId="u"), at(4, "other", userId="v"))
    world.late(at(20, "i", type="identify", userId="u", traits={"email": "Ann@CORP.example"}))
    assert world.sessions() == {(4, "v", "unresolved", 1)}
    assert world.usage() == {(4, "v", None, "unresolved", 1)}
