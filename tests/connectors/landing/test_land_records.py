"""Landing accounts and users: versions, deletions, conflicts, and what makes two exports say the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.contracts.maps import read_mapping
from connectors.landing.land import land
from tests.connectors.conftest import Drop
from warehouse_models.errors import TenureError

NOON = "2024-03-01T12:00:00Z"
_FAR = (datetime.now(UTC) + timedelta(days=3)).isoformat()


def account(**more: Any) -> dict[str, Any]:
    made = {"account_id": "a1", "name": "Alder Mills", "updated_at": NOON, **more}
    return {key: value for key, value in made.items() if value is not None}


def payloads(drop: Drop, object: str = "accounts") -> list[dict[str, Any]]:
    return [json.loads(row["payload"]) for row in drop.bronze(object)]


def test_a_version_keeps_contract_columns_in_one_spelling_and_the_rest_in_extra(drop: Drop) -> None:
    row = account(
        created_at="2024-01-01T09:00:00+02:00",
        renewal_date="2025-01-01",
        licensed_seats=50,
        segment="",
        arr_eur=12.5,
        tags=["x"],
    )
    assert drop.land_rows("accounts", row).accepted == 1
    (held,) = drop.bronze("accounts")
    assert (held["record_id"], held["op"]) == ("a1", "upsert")
    assert held["updated_at"].astimezone(UTC) == datetime(2024, 3, 1, 12, tzinfo=UTC)
    assert json.loads(held["payload"]) == {
        "account_id": "a1",
        "name": "Alder Mills",
        "created_at": "2024-01-01T07:00:00.000000Z",
        "renewal_date": "2025-01-01",
        "licensed_seats": "50",
        "extra": {"arr_eur": 12.5, "tags": ["x"]},
        # The times as they were written, where that says more.
        "received": {"created_at": "2024-01-01T09:00:00+02:00", "updated_at": NOON},
    }


def test_the_same_state_in_jsonl_and_in_csv_is_one_version(drop: Drop) -> None:
    drop.land_rows("accounts", account(licensed_seats=50, created_at="2024-01-01"))
    csv = (
        "account_id,name,licensed_seats,created_at,updated_at,segment\na1,Alder Mills,50.0,2024-01-01T00:00Z,"
        + NOON
        + ",\n"
    )
    report = drop.land("accounts", drop.file("a.csv", csv))
    assert (report.accepted, report.duplicate, report.quarantined) == (0, 1, 0)


def test_a_row_without_updated_at_takes_as_of(drop: Drop) -> None:
    drop.land_rows("accounts", account(updated_at=None), account(account_id="a2"), as_of="2024-02-01")
    times = [row["updated_at"].astimezone(UTC).month for row in drop.bronze("accounts")]
    assert times == [2, 3]


def test_a_row_without_updated_at_and_as_of_is_true_when_it_lands(drop: Drop) -> None:
    before = datetime.now(UTC)
    drop.land_rows("accounts", account(updated_at=""))
    (row,) = drop.bronze("accounts")
    assert before <= row["updated_at"] <= datetime.now(UTC) and row["updated_at"] == row["landed_at"]


def test_a_delete_is_a_version(drop: Drop) -> None:
    drop.land_rows(
        "accounts",
        account(),
        account(updated_at="2024-04-01", is_deleted=True),
        account(account_id="a2", is_deleted="no"),
    )
    assert [row["op"] for row in drop.bronze("accounts")] == ["upsert", "delete", "upsert"]


def test_an_exact_copy_of_a_version_is_a_duplicate_in_whatever_file(drop: Drop) -> None:
    drop.land_rows("accounts", account())
    report = drop.land_rows(
        "accounts", account(updated_at="2024-03-01T13:00:00+01:00"), account(name="New", updated_at="2024-05-01")
    )
    assert (report.accepted, report.duplicate) == (1, 1)


def test_the_same_state_at_another_time_is_kept_because_silver_decides(drop: Drop) -> None:
    drop.land_rows("accounts", account())
    assert drop.land_rows("accounts", account(updated_at="2024-06-01")).accepted == 1


def test_two_rows_of_one_key_and_time_with_other_content_are_both_quarantined_and_both_kept(drop: Drop) -> None:
    report = drop.land_rows("accounts", account(), account(name="Other"), account(account_id="a2"))
    assert (report.accepted, report.duplicate, report.quarantined) == (1, 0, 2)
    assert len(drop.bronze("accounts")) == 3
    refusals = drop.refusals("accounts")
    assert [(r.line, r.record_id, r.reason.partition(":")[0]) for r in refusals] == [
        (1, "a1", "conflict"),
        (2, "a1", "conflict"),
    ]
    assert "line 2" in refusals[0].reason and "line 1" in refusals[1].reason


def test_a_conflict_of_two_files_quarantines_both_rows_once(drop: Drop) -> None:
    first = drop.land_rows("accounts", account(), name="a.jsonl")
    second = drop.land_rows("accounts", account(name="Other"), name="b.jsonl")
    again = drop.land_rows("accounts", account(name="Other"), name="b.jsonl")
    assert (first.accepted, second.quarantined, second.accepted) == (1, 1, 0)
    assert (again.accepted, again.duplicate, again.quarantined) == (0, 0, 1)
    assert [(r.file, r.line) for r in drop.refusals()] == [("a.jsonl", 1), ("b.jsonl", 1)]
    shas = {row["payload_sha"] for row in drop.bronze("accounts")}
    assert len(shas) == 2


def test_a_conflict_across_chunks_of_one_file_counts_both_rows(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.landing.file_landing.CHUNK_ROWS", 1)
    report = drop.land_rows("accounts", account(), account(name="Other"), account(name="Third"))
    assert (report.accepted, report.quarantined) == (0, 3)
    assert len(drop.refusals()) == 3


def test_a_delete_and_a_state_at_one_time_are_a_conflict(drop: Drop) -> None:
    drop.land_rows("accounts", account(), account(is_deleted=True))
    assert drop.codes() == ["conflict", "conflict"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"name": "x", "updated_at": NOON}, "no_key"),
        (account(account_id=""), "no_key"),
        (account(account_id=" \t\u3000"), "no_key"),
        (account(account_id=["a"]), "not_text"),
        (account(account_id="a\0"), "nul_bytes"),
        (account(name={"first": "x"}), "not_text"),
        (account(updated_at="13/02/2024"), "not_iso_time"),
        (account(updated_at=_FAR), "updated_in_future"),
        (account(updated_at="1900-01-01T23:59:59Z"), "updated_too_early"),
        (account(created_at="02/13/2024"), "not_iso_time"),
        (account(renewal_date="1.1.2025"), "not_iso_date"),
        (account(licensed_seats="many"), "bad_integer"),
        (account(licensed_seats=-1), "bad_integer"),
        (account(licensed_seats=2.5), "bad_integer"),
        (account(licensed_seats="1e400"), "bad_integer"),
        (account(is_deleted="perhaps"), "bad_boolean"),
    ],
)
def test_a_row_that_breaks_the_contract_is_quarantined_and_its_neighbours_land(drop: Drop, row: Any, code: str) -> None:
    report = drop.land_rows("accounts", account(account_id="b"), row, account(account_id="c"))
    assert (report.accepted, report.quarantined) == (2, 1)
    assert [(r.line, r.reason.partition(":")[0]) for r in drop.refusals()] == [(2, code)]


def test_a_version_may_be_as_old_as_the_bound_and_a_day_ahead_of_the_clock(drop: Drop) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=23)).isoformat()
    assert drop.land_rows("accounts", account(updated_at="1900-01-02"), account(updated_at=ahead)).accepted == 2


def test_a_version_before_the_bound_is_told_the_bound(drop: Drop) -> None:
    drop.land_rows("accounts", account(updated_at="1850-01-01"))
    assert "1900-01-02" in drop.refusals()[0].reason
    with pytest.raises(TenureError, match="1900-01-02"):
        drop.land_rows("accounts", account(updated_at=None), as_of="1850-01-01")


def test_an_id_of_nothing_but_white_space_is_absent_and_other_text_stays_as_it_is(drop: Drop) -> None:
    drop.land_rows("users", {"user_id": " u ", "account_id": "  ", "name": " "})
    assert payloads(drop, "users") == [{"user_id": " u ", "name": " "}]


@pytest.mark.parametrize("mapping", [None, "columns: {account_id: crm.id}\n"])
def test_two_keys_of_more_than_64_bits_never_become_one(drop: Drop, mapping: str | None) -> None:
    line = '{"account_id":%d}' if mapping is None else '{"crm":{"id":%d}}'
    keys = [12345678901234567890123, 12345678901234567890124]
    path = drop.file("map.yaml", mapping) if mapping else None
    drop.land_rows("accounts", *(line % key for key in keys), mapping=path)
    assert [row["record_id"] for row in drop.bronze("accounts")] == [str(key) for key in keys]
    assert [row["account_id"] for row in payloads(drop)] == [str(key) for key in keys]


def test_users_have_their_own_key_and_columns(drop: Drop) -> None:
    drop.land_rows("users", {"user_id": 7, "account_id": "a1", "email": "x@y.example", "licensed_seats": 3})
    (row,) = drop.bronze("users")
    assert row["record_id"] == "7"
    assert json.loads(row["payload"]) == {
        "user_id": "7",
        "account_id": "a1",
        "email": "x@y.example",
        "extra": {"licensed_seats": 3},
    }


# -- CSV --------------------------------------------------------------------------------------------------------------


def test_a_csv_with_day_first_dates_ends_in_quarantine_and_is_never_guessed(drop: Drop) -> None:
    csv = "account_id,created_at\na1,01/02/2024\na2,2024-02-01\na3,13/02/2024\n"
    report = drop.land("accounts", drop.file("a.csv", csv))
    assert (report.accepted, report.quarantined) == (1, 2)
    assert [r.line for r in drop.refusals()] == [2, 4]


def test_a_cell_may_hold_line_feeds_commas_and_quotes(drop: Drop) -> None:
    csv = 'account_id,name\na1,"Alder, ""Mills""\nand Sons"\na2,Plain\n'
    drop.land("accounts", drop.file("a.csv", csv))
    rows = drop.bronze("accounts")
    assert json.loads(rows[0]["payload"])["name"] == 'Alder, "Mills"\nand Sons'
    assert [row["line"] for row in rows] == [2, 4]


def test_a_quote_that_never_closes_costs_its_own_line_only(drop: Drop) -> None:
    csv = 'account_id,name\na1,x\na2,"open\n' + "".join(f"b{n},y\n" for n in range(50))
    report = drop.land("accounts", drop.file("a.csv", csv))
    assert (report.accepted, report.quarantined) == (51, 1)
    assert [(r.line, r.reason.partition(":")[0]) for r in drop.refusals()] == [(3, "broken_quotes")]


def test_two_stray_quotes_do_not_swallow_the_lines_between_them(drop: Drop) -> None:
    csv = 'account_id,name\na1,"open\na2,x\na3,x\na4,"open\na5,x\n'
    report = drop.land("accounts", drop.file("a.csv", csv))
    assert {row["record_id"] for row in drop.bronze("accounts")} == {"a2", "a3", "a5"}
    assert report.quarantined == 2


def test_cells_in_another_encoding_cost_their_row_only(drop: Drop) -> None:
    csv = b"account_id,name\na1,K\xe4se\na2,K\xc3\xa4se\na3,\x00\n"
    report = drop.land("accounts", drop.file("a.csv", csv))
    assert (report.accepted, report.quarantined) == (1, 2)
    assert drop.codes() == ["not_utf8", "nul_bytes"]


@pytest.mark.parametrize("header", ["account_id,account_id", "account_id,", "\xe4\n".encode("latin-1") + b"a"])
def test_a_header_nobody_can_use_stops_the_file_with_its_reason(drop: Drop, header: str | bytes) -> None:
    content = header if isinstance(header, bytes) else header.encode()
    report = drop.land("accounts", drop.file("a.csv", content + b"\na1,x\n"))
    assert not report.is_complete and "header" in (report.files[0].error or "")


# -- maps ---------------------------------------------------------------------------------------------


def test_a_map_renames_columns_adds_constants_scales_units_and_knows_nulls(drop: Drop) -> None:
    path = drop.file(
        "map.yaml",
        "columns: {account_id: id, licensed_seats: seats.hundreds, name: title}\n"
        "constants: {country: US}\nunits: {licensed_seats: 100}\nnulls: ['None']\n",
    )
    rows = (
        {"id": 1, "seats": {"hundreds": 0.5}, "title": "None", "other": "None"},
        {"id": 2, "seats": {"hundreds": "x"}},
    )
    report = drop.land_rows("accounts", *rows, mapping=path)
    assert (report.accepted, report.quarantined) == (1, 1)
    assert payloads(drop) == [
        {"account_id": "1", "country": "US", "licensed_seats": "50", "extra": {"seats": {"hundreds": 0.5}}}
    ]


def test_a_file_under_another_map_is_another_landing(drop: Drop) -> None:
    rows = {"id": "x", "updated_at": NOON, "a": "1", "b": "2"}
    for source in ("a", "b"):
        path = drop.file("map.yaml", f"columns: {{account_id: id, name: {source}}}\n")
        drop.land_rows("accounts", rows, mapping=path)
    assert len(drop.bronze("accounts")) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "not a mapping of parts"),
        ("colums: {a: b}", "unknown part colums"),
        ("columns: [a]", "columns is not a mapping"),
        ("columns: {name: [a]}", "name names no column"),
        ("columns: {name: ''}", "name names no column"),
        ("units: {a: many}", "not a number"),
        ("units: {a: .nan}", "not a number"),
        ("nulls: x", "nulls is not a list"),
        ("nulls: [[x]]", "nulls is not a list"),
        ("object: acounts", "maps acounts, which cannot be landed"),
        ("constants: {name: .inf, csm: !!binary aGk=}", "no JSON"),
        ("x: &x [1]\ncolumns: *x", "aliases"),
        ("a: [", "not valid YAML"),
        ("\x00", "not valid YAML"),
        ("description: " + "x" * 1_000_001, "more than 1,000,000 bytes"),
    ],
    ids=range(15),
)
def test_a_broken_map_is_refused_by_name_and_cause(drop: Drop, text: str, words: str) -> None:
    with pytest.raises(TenureError) as error:
        read_mapping(drop.file("map.yaml", text))
    assert "map.yaml" in error.value.what and words in error.value.why and error.value.next_step


@pytest.mark.parametrize(
    ("object", "text", "words"),
    [
        ("accounts", "object: users", "it maps users, and the files are landed as accounts"),
        ("accounts", "columns: {acount_id: id}", "acount_id is no column of accounts; did it mean account_id?"),
        ("users", "constants: {licensed_seats: 3}", "licensed_seats is no column of users"),
        ("users", "units: {name.first: 3}", "name.first is no column of users"),
        ("events", "columns: {user_id: id}", "user_id is no column of events; did it mean userId?"),
        ("events", "columns: {event.name: id}", "event.name is no column of events"),
    ],
)
def test_a_map_that_fills_what_the_object_does_not_have_lands_nothing(
    drop: Drop, object: str, text: str, words: str
) -> None:
    with pytest.raises(TenureError) as error:
        drop.land_rows(object, account(), mapping=drop.file("map.yaml", text))
    assert "map.yaml" in error.value.what and words in error.value.why and error.value.next_step


def test_a_map_that_reads_a_column_which_a_table_file_lacks_lands_nothing(drop: Drop) -> None:
    path = drop.file("map.yaml", "columns: {account_id: id, name: titel}")
    report = drop.land("accounts", drop.file("a.csv", "id,title\n1,x\n"), mapping=path)
    assert report.accepted + report.quarantined == 0 and not report.is_complete
    assert "titel, which the file lacks; did it mean title?" in (report.files[0].error or "")


def test_a_map_that_reads_a_field_which_no_line_has_says_so_and_lands_the_rest(drop: Drop) -> None:
    path = drop.file("map.yaml", "columns: {account_id: id, name: titel, csm: owner.name}")
    rows = ({"id": 1, "title": "x"}, {"id": 2, "owner": {"name": "Ann"}})
    report = drop.land_rows("accounts", *rows, mapping=path)
    assert report.accepted == 2 and report.is_complete
    assert report.files[0].notes == ["no row has titel, which the map reads"]


def test_a_constant_that_yaml_reads_as_a_date_is_the_text_that_was_written(drop: Drop) -> None:
    path = drop.file("map.yaml", "columns: {account_id: id}\nconstants: {created_at: 2024-01-31}")
    drop.land_rows("accounts", {"id": 1}, mapping=path)
    assert payloads(drop)[0]["created_at"].startswith("2024-01-31T00:00:00")


def test_complete_is_written_in_the_book_of_landings(drop: Drop) -> None:
    drop.land_rows("accounts", account(), complete=True)
    assert [row["complete"] for row in drop.table("bronze/landings", "complete")] == [True]


def test_two_files_of_one_call_are_reported_apart_and_together(drop: Drop) -> None:
    paths = [drop.file(f"{n}.jsonl", json.dumps(account(account_id=f"a{n}"))) for n in range(2)]
    report = land(drop.lake, drop.catalog, "acme", "accounts", [*paths, paths[0]])
    assert [(file.accepted, file.duplicate) for file in report.files] == [(1, 0), (1, 0), (0, 1)]
    assert json.loads(report.to_json())["accepted"] == 2
