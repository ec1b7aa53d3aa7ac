"""Who did an event, when and for whom, by hand (METRICS §1): borders that random histories rarely meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes import land_rows, silver
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

Row = dict[str, Any]


class World:
    """One tenant: land batches, run, read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lake = folder, Lake()
        Catalog(self.lake).add_tenant("acme")

    def land(self, *batches: list[Row]) -> World:
        for rows in batches:
            land_rows(self.lake, "acme", "events", rows, self.folder / "drop")
            run_transforms(self.lake, "pool")
        return self

    def read(self, column: str, table: str = "activity") -> dict[str, Any]:
        """{message id: value}."""
        return dict(silver(self.lake, f"silver/product/{table}", f"message_id, {column}"))  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "home"))
    return World(tmp_path)


def at(minute: int, message: str, **fields: Any) -> Row:
    """A page view at 10:`minute`, unless `fields` say otherwise."""
    return {"type": "page", "messageId": message, "timestamp": f"2024-03-01T10:{minute:02}:00Z"} | fields


def test_an_anonymous_event_belongs_to_the_latest_claim_at_or_before_it_else_to_the_first(world: World) -> None:
    claims = [at(10, "c1", anonymousId="x", userId="ann"), at(20, "c2", anonymousId="x", userId="bob")]
    seen = [at(minute, f"m{minute}", anonymousId="x") for minute in (5, 10, 19, 20, 25)]
    users = world.land(seen, claims).read("user_id")
    assert [users[f"m{minute}"] for minute in (5, 10, 19, 20, 25)] == ["ann", "ann", "ann", "bob", "bob"]


def test_of_claims_at_one_time_the_smallest_message_is_the_first_and_the_largest_the_latest(world: World) -> None:
    claims = [at(10, f"c{place}", anonymousId="x", userId=user) for place, user in enumerate(("ann", "bob", "cat"))]
    seen = [at(minute, f"m{minute}", anonymousId="x") for minute in (9, 10, 11)]
    users = world.land(seen, claims[1:], claims[:1]).read("user_id")
    assert [users[f"m{minute}"] for minute in (9, 10, 11)] == ["ann", "cat", "cat"]


def test_without_a_claim_a_visitor_stays_anonymous(world: World) -> None:
    world.land([at(0, "m", anonymousId="x"), at(1, "other", anonymousId="y", userId="ann")])
    assert world.read("user_id") == {"m": None, "other": "ann"}
    assert world.read("anonymous_id")["m"] == "x"


def test_an_alias_claims_its_previous_id_and_renames_it_over_all_history(world: World) -> None:
    world.land([at(0, "as_anonymous", anonymousId="old"), at(1, "as_user", userId="old")])
    world.land([at(30, "a", type="alias", previousId="old", userId="new")])
    users = world.read("user_id")
    assert users["as_anonymous"] == users["as_user"] == "new"


def test_a_chain_of_aliases_is_followed_to_its_end_whatever_the_order_of_its_links(world: World) -> None:
    world.land([at(0, "m", userId="a")], [at(9, "l2", type="alias", previousId="b", userId="c")])
    world.land([at(5, "l1", type="alias", previousId="a", userId="b")])
    assert world.read("user_id")["m"] == "c"


def test_a_later_alias_of_the_same_id_replaces_the_earlier_one(world: World) -> None:
    links = [
        at(5, "l1", type="alias", previousId="a", userId="b"),
        at(6, "l2", type="alias", previousId="a", userId="c"),
    ]
    assert world.land([at(0, "m", userId="a")], links).read("user_id")["m"] == "c"


def test_a_circle_of_aliases_ends_at_the_user_of_its_latest_alias(world: World) -> None:
    links = [
        at(5, "l1", type="alias", previousId="a", userId="b"),
        at(7, "l2", type="alias", previousId="b", userId="c"),
        at(6, "l3", type="alias", previousId="c", userId="a"),
    ]
    seen = [at(0, name, userId=name) for name in "abc"] + [at(0, "outside", userId="d")]
    users = world.land([*seen, at(1, "tail", type="alias", previousId="d", userId="a")], links).read("user_id")
    assert {users[name] for name in (*"abc", "outside")} == {"c"}


def test_the_account_is_the_events_own_else_of_the_last_group_call_at_or_before_it(world: World) -> None:
    calls = [
        at(10, "g1", type="group", userId="ann", groupId="acme"),
        at(20, "g2", type="group", userId="ann", groupId="bolt"),
    ]
    seen = [at(minute, f"m{minute}", userId="ann") for minute in (9, 10, 19, 20)]
    own = at(25, "own", userId="ann", context={"groupId": "crux"})
    accounts = world.land([*seen, own], calls).read("account_id")
    assert [accounts[f"m{m}"] for m in (9, 10, 19, 20)] == ["unresolved", "acme", "acme", "bolt"]
    assert accounts["own"] == "crux"


@pytest.mark.parametrize(("sent", "happened"), [("10:05:00", "10:05:00"), ("10:05:01", "10:05:00")])
def test_an_event_from_the_future_is_clamped_to_five_minutes_after_its_receipt(
    world: World, sent: str, happened: str
) -> None:
    row = at(0, "m", userId="ann", timestamp=f"2024-03-01T{sent}Z", receivedAt="2024-03-01T10:00:00Z")
    assert world.land([row]).read("strftime(event_time, '%H:%M:%S')") == {"m": happened}


def test_a_wrong_device_clock_is_corrected_by_the_time_between_sending_and_receiving(world: World) -> None:
    times = {
        "originalTimestamp": "2024-03-01T08:00:00Z",
        "sentAt": "2024-03-01T08:00:30Z",
        "receivedAt": "2024-03-01T10:00:30Z",
    }
    assert world.land([at(0, "m", userId="ann") | times]).read("strftime(event_time, '%H:%M:%S')") == {"m": "10:00:00"}


@pytest.mark.parametrize("turned", [False, True])
def test_the_copy_received_first_wins_also_when_it_lands_last(world: World, turned: bool) -> None:
    first = at(0, "m", userId="ann", receivedAt="2024-03-01T10:00:01Z")
    later = at(9, "m", userId="bob", receivedAt="2024-03-01T10:00:02Z")
    batches = [[later], [first]] if turned else [[first], [later]]
    assert world.land(*batches).read("user_id", "events") == {"m": "ann"}


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_copies_received_at_once_the_smaller_canonical_json_wins(world: World, turned: bool) -> None:
    # With sorted keys they differ first at "event".
    one = {"type": "track", "event": "a", "messageId": "m", "userId": "z", "timestamp": "2024-03-01T10:00:00Z"}
    two = {"type": "track", "event": "b", "messageId": "m", "userId": "a", "timestamp": "2024-03-01T10:00:00Z"}
    batches = [[two], [one]] if turned else [[one], [two]]
    assert world.land(*batches).read("user_id", "events") == {"m": "z"}


def test_a_users_row_holds_from_its_very_time_on(world: World) -> None:
    rows = [("acme", 10), ("bolt", 20)]
    users = [{"user_id": "u", "account_id": a, "updated_at": f"2024-03-01T10:{m}:00Z"} for a, m in rows]
    land_rows(world.lake, "acme", "users", users, world.folder / "drop")
    accounts = world.land([at(minute, f"m{minute}", userId="u") for minute in (19, 20)]).read("account_id")
    assert accounts == {"m19": "acme", "m20": "bolt"}


def test_an_anonymous_group_call_at_the_time_of_a_claim_is_the_new_owners(world: World) -> None:
    claims = [at(5, "c1", anonymousId="x", userId="ann"), at(20, "c2", anonymousId="x", userId="bob")]
    call = at(20, "g", type="group", anonymousId="x", groupId="acme")
    accounts = world.land([*claims, call, at(25, "ann", userId="ann"), at(25, "bob", userId="bob")]).read("account_id")
    assert (accounts["ann"], accounts["bob"]) == ("unresolved", "acme")


def test_a_user_is_internal_by_its_records_domain_and_under_its_new_name_too(world: World) -> None:
    Catalog(world.lake).set_tenant("acme", internal_users={"domains": ["corp.example"], "users": ["old"]})
    user = {"user_id": "ann", "email": "Ann@CORP.example", "updated_at": "2024-03-01T00:00:00Z"}
    land_rows(world.lake, "acme", "users", [user], world.folder / "drop")
    seen = [at(0, "a", userId="ann"), at(1, "n", userId="new"), at(2, "o", userId="other")]
    internal = world.land([*seen, at(3, "l", type="alias", previousId="old", userId="new")]).read("is_internal")
    assert internal == {"a": True, "n": True, "o": False, "l": True}
