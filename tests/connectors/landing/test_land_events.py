"""Landing events: the contract of METRICS §1, row by row, and what a second landing adds."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.contracts.canonical import canonical, key64
from connectors.landing.land import land
from tests.connectors.conftest import Drop, dump, event
from warehouse_models.errors import TenureError
from warehouse_models.specs import spec


def test_a_good_event_has_the_envelope_and_typed_segment_columns(drop: Drop) -> None:
    said = event(
        1,
        anonymousId="a1",
        properties={"z": 1, "a": [1, 2]},
        context={"groupId": "g1"},
        timestamp="2024-03-02T00:30:00+02:00",
        originalTimestamp="2024-03-01T22:30:00Z",
        sentAt="2024-03-01T22:30:05Z",
    )
    report = drop.land_rows("events", said)
    assert (report.accepted, report.duplicate, report.quarantined, report.is_complete) == (1, 0, 0, True)
    (row,) = drop.bronze()
    assert row["tenant_id"] == "acme" and row["object"] == "events" and row["op"] == "append"
    assert (row["file"], row["line"], row["bytes"]) == ("rows.jsonl", 1, len(dump(said)))
    assert row["record_id"] == "m1" and row["message_key"] == key64("m1")
    assert row["payload"] == canonical(said).decode()
    assert row["payload_sha"] == hashlib.sha256(row["payload"].encode()).hexdigest()
    assert (row["type"], row["event"], row["name"]) == ("track", "Opened", None)
    assert (row["user_id"], row["anonymous_id"], row["group_id"]) == ("u1", "a1", "g1")
    assert row["properties"] == '{"a":[1,2],"z":1}' and row["context"] == '{"groupId":"g1"}'
    assert row["timestamp"].astimezone(UTC) == datetime(2024, 3, 1, 22, 30, tzinfo=UTC)
    assert row["landed_date"] == row["landed_at"].astimezone(UTC).date()
    assert row["updated_at"] is None


def test_the_commit_tells_batch_dates_and_tenants(drop: Drop) -> None:
    drop.land_rows("events", event())
    (row,) = drop.bronze()
    trail = drop.lake.shard("pool").trail("bronze/product/events", 0)
    assert trail.batches == {row["batch_id"]} and trail.landed_dates == {row["landed_date"]} and not trail.full
    assert dict(trail.slices) == {"acme": None}


def test_an_event_without_an_id_gets_the_sha_256_of_its_canonical_json(drop: Drop) -> None:
    said = event(messageId=None, properties={"b": 1, "a": "é"})
    drop.land_rows("events", json.dumps(said), json.dumps(dict(reversed(said.items()))))
    (row,) = drop.bronze()
    assert row["record_id"] == hashlib.sha256(canonical(said)).hexdigest() == row["payload_sha"]


def test_empty_strings_are_absent_and_numbers_are_text(drop: Drop) -> None:
    drop.land_rows("events", event(1, userId=42, anonymousId=""), event(2, userId=4.5, context={"groupId": 7}))
    rows = drop.bronze()
    assert [(row["user_id"], row["anonymous_id"], row["group_id"]) for row in rows] == [
        ("42", None, None),
        ("4.5", None, "7"),
    ]


def test_an_id_of_nothing_but_white_space_is_absent(drop: Drop) -> None:
    said = event(1, messageId="  ", anonymousId=" ", context={"groupId": "\t"})
    drop.land_rows("events", said, event(2, userId=" ", anonymousId="a"))
    first, second = drop.bronze()
    assert first["record_id"] == first["payload_sha"] == hashlib.sha256(canonical(said)).hexdigest()
    assert (first["user_id"], first["anonymous_id"], first["group_id"]) == ("u1", None, None)
    assert (second["user_id"], second["anonymous_id"]) == (None, "a")


def test_two_groups_of_more_than_64_bits_never_become_one(drop: Drop) -> None:
    groups = ["123456789012345678901234", "123456789012345678901235"]
    drop.land_rows("events", *(json.dumps(event(1, context={"groupId": int(group)})) for group in groups))
    assert [row["group_id"] for row in drop.bronze()] == groups


def test_two_ids_of_more_than_64_bits_never_become_one(drop: Drop) -> None:
    text = json.dumps(event(1)).replace('"u1"', "123456789012345678901234")
    other = json.dumps(event(2)).replace('"u2"', "123456789012345678901235")
    drop.land_rows("events", text, other)
    assert [row["user_id"] for row in drop.bronze()] == ["123456789012345678901234", "123456789012345678901235"]


def test_group_and_alias_keep_what_only_they_say(drop: Drop) -> None:
    drop.land_rows(
        "events",
        event(1, type="group", event=None, groupId="g9", context={"groupId": "g1"}),
        event(2, type="alias", event=None, previousId="old"),
        event(3, groupId="ignored", previousId="ignored"),
        event(4, type="page", event=None, name="Home"),
    )
    rows = drop.bronze()
    assert [row["group_id"] for row in rows] == ["g9", None, None, None]
    assert [row["previous_id"] for row in rows] == [None, "old", None, None]
    assert rows[3]["name"] == "Home"


_FAR = (datetime.now(UTC) + timedelta(days=3)).isoformat()


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("{not json", "not_json"),
        ("[1, 2]", "not_an_object"),
        ('"text"', "not_an_object"),
        (b'{"a": "\xff\xfe"}', "not_utf8"),
        (b'{"a": "\x00"}', "nul_bytes"),
        (event(type=None), "no_type"),
        (event(type="trakc"), "unknown_type"),
        (event(type=["track"]), "unknown_type"),
        (event(userId=None), "no_user"),
        (event(userId="", anonymousId=""), "no_user"),
        (event(userId=" \t", anonymousId="\u3000"), "no_user"),
        (event(userId={"id": 1}), "not_text"),
        (event(userId=True), "not_text"),
        (event(userId="a\0b"), "nul_bytes"),
        (event(event=None), "no_event"),
        (event(event=""), "no_event"),
        (event(timestamp=None, receivedAt=None), "no_time"),
        (event(timestamp="13/02/2024"), "not_iso_time"),
        (event(timestamp=1707819330), "not_iso_time"),
        (event(sentAt="yesterday"), "not_iso_time"),
        (event(timestamp="1999-12-31T23:59:59Z"), "before_floor"),
        (event(receivedAt="1999-12-31T23:59:59Z"), "before_floor"),
        (event(receivedAt=_FAR), "from_future"),
        (event(timestamp=_FAR, receivedAt=None), "from_future"),
        ('{"a":' * 2000 + "1" + "}" * 2000, "too_deep"),
    ],
)
def test_a_row_that_breaks_the_contract_is_quarantined_with_file_line_and_reason(
    drop: Drop, row: Any, code: str
) -> None:
    report = drop.land_rows("events", event(1), row, event(2))
    assert (report.accepted, report.quarantined, report.is_complete) == (2, 1, True)
    (refusal,) = drop.refusals()
    assert (refusal.file, refusal.line, refusal.reason.partition(":")[0]) == ("rows.jsonl", 2, code)
    assert report.files[0].reasons == {code: 1}
    assert [entry["line"] for entry in drop.bronze()] == [1, 3]


def test_an_event_before_its_receipt_on_a_wrong_clock_is_corrected_not_refused(drop: Drop) -> None:
    skewed = event(
        originalTimestamp="1984-01-01T00:00:00Z", sentAt="1984-01-01T00:00:10Z", timestamp="1984-01-01T00:00:00Z"
    )
    ahead = event(2, timestamp="2031-01-01T00:00:00Z")
    report = drop.land_rows("events", skewed, ahead)
    assert (report.accepted, report.quarantined) == (2, 0)


def test_a_skew_that_corrects_to_before_2000_is_refused(drop: Drop) -> None:
    drop.land_rows("events", event(originalTimestamp="1990-01-01T00:00:00Z", sentAt="2024-03-01T00:00:00Z"))
    assert drop.codes() == ["before_floor"]


def test_a_line_of_10_mb_is_refused_without_being_kept_and_its_neighbours_land(drop: Drop) -> None:
    long = json.dumps(event(9, properties={"x": "y" * 10_000_000}))
    report = drop.land_rows("events", event(1), long, event(2))
    assert (report.accepted, report.quarantined) == (2, 1)
    (refusal,) = drop.refusals()
    assert refusal.reason.startswith("too_long: the row has 10,0") and len(refusal.payload) == 65_536


def test_the_limit_of_a_row_is_configurable(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENURE_MAX_ROW_BYTES", "300")
    drop.land_rows("events", event(1), event(2, properties={"x": "y" * 400}))
    assert drop.codes() == ["too_long"]


@pytest.mark.parametrize("said", ["10MB", "-1", "0", "1e6"])
def test_a_limit_that_is_no_number_of_bytes_is_refused_by_its_name(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("TENURE_MAX_ROW_BYTES", said)
    with pytest.raises(TenureError, match="TENURE_MAX_ROW_BYTES"):
        drop.land_rows("events", event(1))


def test_a_refused_row_keeps_its_text_or_its_bytes(drop: Drop) -> None:
    drop.land_rows("events", "{käse", b"\xff\x00\x01")
    text, raw = drop.refusals()
    assert (text.payload, text.encoding) == ("{käse", "utf-8")
    assert (raw.payload, raw.encoding) == ("/wAB", "base64")


def test_a_byte_order_mark_blank_lines_and_carriage_returns_are_fine(drop: Drop) -> None:
    content = b"\xef\xbb\xbf" + dump(event(1)) + b"\r\n\r\n   \n" + dump(event(2))
    report = drop.land("events", drop.file("bom.jsonl", content))
    assert (report.accepted, report.quarantined) == (2, 0)
    assert [row["line"] for row in drop.bronze()] == [1, 4]


def test_an_empty_file_is_read_to_its_end(drop: Drop) -> None:
    report = drop.land("events", drop.file("empty.jsonl", b""))
    assert (report.accepted, report.is_complete) == (0, True)


def test_gzip_is_known_by_its_bytes_whatever_the_name(drop: Drop) -> None:
    report = drop.land("events", drop.file("packed.jsonl", gzip.compress(dump(event(1)) + b"\n")))
    assert (report.accepted, report.quarantined) == (1, 0)


def test_a_cut_off_gzip_lands_what_came_before_and_does_not_claim_its_end(drop: Drop) -> None:
    packed = gzip.compress(b"\n".join(dump(event(n, properties={"x": "%x" % (n * n)})) for n in range(5000)))
    report = drop.land("events", drop.file("cut.jsonl.gz", packed[: len(packed) // 2]))
    assert 0 < report.accepted < 5000
    assert not report.is_complete and "gzip" in (report.files[0].error or "")
    assert drop.table("bronze/landings") == []
    mended = drop.land("events", drop.file("cut.jsonl.gz", packed))
    assert mended.accepted + mended.duplicate == 5000 and len(drop.bronze()) == 5000 and mended.is_complete


def test_csv_events_nest_dotted_columns_and_open_json_cells(drop: Drop) -> None:
    content = (
        "messageId,type,event,userId,timestamp,context.groupId,properties,properties.x\n"
        'm1,track,Opened,u1,2024-03-01T10:00:00Z,g1,"{""a"":1}",7\n'
        "m2,track,Opened,u1,13/02/2024,,,\n"
        "m3,track,Opened,u1,2024-03-01T10:00:00Z,,{broken,\n"
        "m4,track,Opened,u1\n"
        "m5,track,Opened,,2024-03-01T10:00:00Z,,,\n"
    )
    report = drop.land("events", drop.file("events.csv", content))
    assert (report.accepted, report.quarantined) == (1, 4)
    (row,) = drop.bronze()
    assert (row["group_id"], row["properties"], row["line"]) == ("g1", '{"a":1,"x":"7"}', 2)
    assert [(r.line, r.reason.partition(":")[0]) for r in drop.refusals()] == [
        (3, "not_iso_time"),
        (4, "not_json"),
        (5, "wrong_columns"),
        (6, "no_user"),
    ]


def test_parquet_events_land_with_their_types(drop: Drop) -> None:
    when = datetime(2024, 3, 1, 10, tzinfo=UTC)
    rows = pa.table(
        {
            "messageId": ["m1", "m2"],
            "type": ["track", "track"],
            "event": ["Opened", None],
            "userId": [42, 43],
            "timestamp": pa.array([when, when], pa.timestamp("ns", "UTC")),
            "context": [{"groupId": "g1"}, None],
        }
    )
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    for name, content in (("a.parquet", sink.getvalue()), ("b.parquet.gz", gzip.compress(sink.getvalue()))):
        report = drop.land("events", drop.file(name, content))
        assert (report.accepted + report.duplicate, report.quarantined) == (1, 1)
    (row,) = drop.bronze()
    assert (row["user_id"], row["group_id"], row["line"]) == ("42", "g1", 1)
    assert row["timestamp"].astimezone(UTC) == when


def test_a_damaged_parquet_file_says_so_and_lands_nothing(drop: Drop) -> None:
    report = drop.land("events", drop.file("bad.parquet", b"PAR1" + b"\x00" * 100))
    assert not report.is_complete and "Parquet" in (report.files[0].error or "")


def test_a_parquet_file_with_two_columns_of_one_name_says_so_and_lands_nothing(drop: Drop) -> None:
    rows = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["userId", "userId"])
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    report = drop.land("events", drop.file("twice.parquet", sink.getvalue()))
    assert report.files[0].error == "the Parquet file names a column twice: userId"
    assert (report.accepted, report.quarantined) == (0, 0)


# -- what a second landing adds ----------------------------------------------------------------------------------------


def test_the_same_file_landed_twice_adds_nothing(drop: Drop) -> None:
    rows = [event(1), "{broken", event(2)]
    first = drop.land_rows("events", *rows)
    again = drop.land_rows("events", *rows)
    assert (first.accepted, first.quarantined) == (2, 1)
    assert (again.accepted, again.duplicate, again.quarantined) == (0, 2, 1)
    assert len(drop.bronze()) == 2 and len(drop.refusals()) == 1 and len(drop.table("bronze/landings")) == 1


def test_the_same_bytes_under_another_name_add_nothing(drop: Drop) -> None:
    drop.land_rows("events", event(1), event(2))
    again = drop.land_rows("events", event(1), event(2), name="copy.jsonl")
    assert (again.accepted, again.duplicate) == (0, 2)


def test_a_grown_file_adds_only_what_grew(drop: Drop) -> None:
    drop.land_rows("events", event(1), "{broken", event(2))
    grown = drop.land_rows("events", event(1), "{broken", event(2), event(3), "{more")
    assert (grown.accepted, grown.duplicate, grown.quarantined) == (1, 2, 2)
    assert len(drop.bronze()) == 3 and [refusal.line for refusal in drop.refusals()] == [2, 5]


def test_an_exact_copy_inside_a_file_is_a_duplicate_whatever_the_order_of_its_keys(drop: Drop) -> None:
    said = event(1)
    report = drop.land_rows("events", said, dict(reversed(said.items())), said)
    assert (report.accepted, report.duplicate) == (1, 2)


def test_a_known_id_with_other_content_is_accepted_because_silver_decides(drop: Drop) -> None:
    drop.land_rows("events", event(1))
    report = drop.land_rows("events", event(1, event="Closed"), name="later.jsonl")
    assert (report.accepted, report.duplicate) == (1, 0)


def test_two_look_alikes_with_different_ids_both_stay(drop: Drop) -> None:
    assert drop.land_rows("events", event(1, messageId="x"), event(1, messageId="y")).accepted == 2


def test_a_copy_of_another_tenant_is_no_duplicate(drop: Drop) -> None:
    drop.catalog.add_tenant("beta")
    drop.land_rows("events", event(1))
    report = land(drop.lake, drop.catalog, "beta", "events", [drop.folder / "rows.jsonl"])
    assert (report.accepted, report.duplicate) == (1, 0)


def test_the_watermark_of_a_landing_is_only_an_explicit_as_of(drop: Drop) -> None:
    drop.land_rows("events", event(1))
    drop.land_rows("events", event(1), event(2), as_of="2024-04-01", name="b.jsonl")
    rows = drop.table("bronze/landings", "file, as_of, accepted, duplicate, complete")
    assert [row["file"] for row in rows] == ["b.jsonl", "rows.jsonl"]
    assert rows[0]["as_of"].astimezone(UTC) == datetime(2024, 4, 1, tzinfo=UTC) and rows[1]["as_of"] is None
    assert (rows[0]["accepted"], rows[0]["duplicate"], rows[0]["complete"]) == (1, 1, False)


def test_rows_of_an_erased_landing_land_again(drop: Drop) -> None:
    drop.land_rows("events", event(1))
    table = drop.lake.shard("pool").table("bronze/product/events")
    assert table is not None
    table.delete("tenant_id = 'acme'")
    assert drop.land_rows("events", event(1)).accepted == 1 and len(drop.bronze()) == 1


def test_many_chunks_leave_one_landing_and_every_row(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.landing.file_landing.CHUNK_ROWS", 7)
    seen: list[int] = []
    report = drop.land_rows("events", *(event(n) for n in range(50)), on_progress=lambda file: seen.append(file.rows))
    assert report.accepted == 50 and len(drop.bronze()) == 50
    assert seen == sorted(seen) and seen[-1] == 50 and len(seen) >= 8


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ({"object": "evnts"}, "object evnts"),
        ({"tenant": "nobody"}, "tenant nobody"),
        ({"path": "absent.jsonl"}, "file "),
        ({"path": "."}, "file "),
        ({"as_of": "13/02/2024"}, "--as-of 13/02/2024"),
        ({"as_of": "2999-01-01"}, "--as-of 2999-01-01"),
        ({"mapping": "absent.yaml"}, "map "),
    ],
)
def test_a_wrong_call_is_refused_by_name_before_anything_is_landed(drop: Drop, how: dict[str, str], what: str) -> None:
    path = drop.folder / how.pop("path", "rows.jsonl")
    (drop.folder / "rows.jsonl").write_bytes(dump(event(1)))
    with pytest.raises(TenureError) as error:
        land(drop.lake, drop.catalog, how.pop("tenant", "acme"), how.pop("object", "events"), [path], **how)
    assert error.value.what.startswith(what) and error.value.next_step
    assert drop.bronze() == []


def test_bronze_has_exactly_the_columns_of_its_spec(drop: Drop) -> None:
    drop.land_rows("events", event(1))
    assert list(drop.bronze()[0]) == spec("bronze/product/events").arrow_schema.names
