"""Whatever a file is, landing it has a clear result: no traceback, no lost neighbour, no memory or disk without end."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.files.formats import Unreadable
from connectors.files.reading import read_rows
from connectors.files.rows import Row
from connectors.landing.land import land
from tests.connectors.conftest import Drop, dump, event
from warehouse_models.errors import TenureError

GOOD = dump(event(1))
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: bytes, name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return written


def codes(rows: list[Row]) -> list[str]:
    """What became of each row: `ok`, or the code of its reason."""
    return ["ok" if row.value is not None else (row.refusal or "").partition(":")[0] for row in rows]


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


# -- rows that are not what they should be, between two that are -------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        (b'{"a":"\\ud800"}', "not_utf8", "surrogate"),
        (b'{"a":"\xed\xa0\x80"}', "not_utf8", "UTF-8"),
        (b'{"a":"x\x00y"}', "nul_bytes", "NUL"),
        (b'{"a":NaN}', "not_json", "NaN is no JSON number"),
        (b'{"a":-Infinity}', "not_json", "Infinity is no JSON number"),
        (b'{"a":1e999}', "not_json", "too large"),
        (b'{"a":' + b"9" * 5_000 + b"}", "not_json", "digits"),
        (b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "too_deep", "nested"),
        (b'{"a":' + b"[" * 5_000, "too_deep", "nested"),
        (b'{"a":1', "not_json", "delimiter"),
        (b'{"a":1}{"b":2}', "not_json", "Extra data"),
        (b'[{"a":1},{"b":2}]', "not_an_object", "one object a line"),
        (b"\xff\xfe{\x00", "nul_bytes", "NUL"),
        (b"\x1f\x8b\x08\x00", "nul_bytes", "NUL"),
        (b"PK\x03\x04", "not_json", "JSON"),
    ],
    ids=range(15),
)
def test_a_line_that_is_no_json_costs_itself_and_says_why(write: Write, row: bytes, code: str, words: str) -> None:
    rows = list(read_rows(write(GOOD + b"\n" + row + b"\n" + GOOD)))
    assert codes(rows) == ["ok", code, "ok"]
    assert words in (rows[1].refusal or "") and rows[1].raw == row


def test_of_two_equal_keys_the_last_value_counts_as_json_readers_do(write: Write) -> None:
    (row,) = read_rows(write(b'{"userId":"a","userId":"b"}'))
    assert row.value == {"userId": "b"} and row.raw == b'{"userId":"a","userId":"b"}'


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_line_of_256_mb_is_never_held_and_its_neighbours_land(tmp_path: Path, name: str, packed: bool) -> None:
    good = [b'{"a":"1"}', b'{"a":"2"}'] if name.endswith("jsonl") else [b"1", b"2"]
    head = b"" if name.endswith("jsonl") else b"a\n"
    path = tmp_path / (name + ".gz" if packed else name)
    size = 1 << 28
    with gzip.open(path, "wb", 1) if packed else path.open("wb") as file:
        file.write(head + good[0] + b"\n")
        for _ in range(size >> 24):
            file.write(b"x" * (1 << 24))
        file.write(b"\n" + good[1] + b"\n")
    tracemalloc.start()
    rows = list(read_rows(path, limit=1_000_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert codes(rows) == ["ok", "too_long", "ok"] and rows[1].size == size
    assert peak < 30_000_000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\r\n1,x\r\n2,y\r\n", ["ok", "ok"]),
        (b"\xef\xbb\xbfa,b\n1,x\n", ["ok"]),
        (b'a,b\n1,"open\n2,x\n3,y\n', ["broken_quotes", "ok", "ok"]),
        (b'a,b\n1,x"y\n2,"x"y\n3,y\n', ["ok", "broken_quotes", "ok"]),
        (b"a,b\n1,x\ry\n2,x\n", ["bare_cr", "ok"]),
        (b"a,b\n1\n1,2,3\n2,x\n", ["wrong_columns", "wrong_columns", "ok"]),
        (b"a,b\n1,\x00\n2,x\n", ["nul_bytes", "ok"]),
        (b"a,b\n1,\xed\xa0\x80\n2,x\n", ["not_utf8", "ok"]),
        (b"a,b\n\n   \n2,x", ["ok"]),
        (b"a,b\n", []),
        (b"", []),
    ],
    ids=range(11),
)
def test_csv_of_any_kind_costs_the_lines_that_are_wrong(write: Write, content: bytes, expected: list[str]) -> None:
    assert codes(list(read_rows(write(content, "rows.csv")))) == expected


def test_the_size_of_a_csv_row_of_several_lines_is_the_size_of_its_bytes(write: Write) -> None:
    (row,) = read_rows(write(b'a,b\n1,"x\ny\nz"\n', "rows.csv"))
    assert row.size == len(row.raw) == len(b'1,"x\ny\nz"')


# -- files that are not what they should be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ('{"a":1}\n'.encode("utf-16"), "rows.jsonl", "UTF-16"),
        ("a,b\n1,2\n".encode("utf-16-be").join([b"\xfe\xff", b""]), "rows.csv", "UTF-16"),
        (b"PK\x03\x04" + b"x" * 50, "rows.csv", "ZIP"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 50, "rows.jsonl", "zstd"),
        (gzip.compress(b"PK\x03\x04" + b"x" * 50), "rows.csv.gz", "ZIP"),
        (gzip.compress(GOOD)[:12], "rows.jsonl", "cut off"),
        (b"\x1f\x8b\x08\x00garbage", "rows.jsonl", "gzip"),
        (gzip.compress(GOOD) + b"more", "rows.jsonl", "something else follows"),
        (parquet(a=[1])[:-6], "rows.parquet", "Parquet"),
        (parquet(a=[1])[:40], "rows.parquet", "Parquet"),
        (b"PAR1" + b"\xff" * 64 + b"PAR1", "rows.parquet", "Parquet"),
        (gzip.compress(b"PAR1" + b"\xff" * 64 + b"PAR1"), "rows.parquet.gz", "Parquet"),
        (b",".join(b"c%d" % n for n in range(10_001)) + b"\n", "rows.csv", "10,001 columns"),
        (b"a,b,a\n1,2,3\n", "rows.csv", "twice: a"),
        (b"a,\n1,2\n", "rows.csv", "empty or unreadable column name"),
        (b'a,"b\n1,2\n', "rows.csv", "header line cannot be read"),
    ],
    ids=range(16),
)
def test_a_file_that_cannot_be_read_says_what_it_is(write: Write, content: bytes, name: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        list(read_rows(write(content, name)))


def test_a_header_of_ten_thousand_columns_is_read_at_once(write: Write) -> None:
    header = b",".join(b"c%d" % n for n in range(10_000))
    (row,) = read_rows(write(header + b"\n" + b",".join([b"1"] * 10_000), "rows.csv"))
    assert row.value is not None and len(row.value) == 10_000


def test_a_gzip_of_many_tiny_members_is_read_in_time_that_grows_with_its_size(write: Write) -> None:
    # A member a byte, joined to the line one by one, took minutes for what is read here in a second.
    members = b"".join(gzip.compress(b"x", 1, mtime=0) for _ in range(20_000))
    rows = list(read_rows(write(members + gzip.compress(b"\n" + GOOD)), limit=1_000_000))
    assert codes(rows) == ["not_json", "ok"] and rows[0].size == 20_000


def test_a_gzip_that_unpacks_to_more_than_the_quota_stops_there_and_keeps_what_came_before(write: Write) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(GOOD + b"\n") + b"".join(packer.compress(b"0" * (1 << 20)) for _ in range(64))
    path = write(bomb + packer.flush())
    assert path.stat().st_size < 100_000
    rows = []
    with pytest.raises(Unreadable, match=r"more than 2,000,000 bytes.*max_file_bytes"):
        for row in read_rows(path, most_bytes=2_000_000):
            rows.append(row)
    assert codes(rows) == ["ok"]


def test_a_parquet_in_a_gzip_bomb_fills_no_disk(write: Write, tenure_home: Path) -> None:
    path = write(gzip.compress(b"PAR1" + b"0" * 5_000_000), "rows.parquet.gz")
    with pytest.raises(Unreadable, match="max_file_bytes"):
        list(read_rows(path, most_bytes=1_000_000))


def test_parquet_values_that_python_cannot_hold_cost_their_own_row(write: Write) -> None:
    text = pa.Array.from_buffers(
        pa.string(),
        3,
        [None, pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0])), pa.py_buffer(b"a\xff\xfeb")],
    )
    content = parquet(
        text=text,
        at=pa.array([1, 1, 2**60], pa.timestamp("us", "UTC")),
    )
    rows = list(read_rows(write(content, "rows.parquet")))
    assert codes(rows) == ["ok", "not_utf8", "unreadable_value"]
    assert [row.line for row in rows] == [1, 2, 3]


def test_parquet_of_foreign_types_becomes_json_values(write: Write) -> None:
    content = parquet(
        none=pa.nulls(1),
        decimal=pa.array([1]).cast(pa.decimal256(40, 2)),
        days=pa.array([19_783], pa.date32()),
        lists=pa.array([[datetime(2024, 3, 1, tzinfo=UTC)]], pa.list_(pa.timestamp("ns", "UTC"))),
        pairs=pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        half=pa.array([1.5], pa.float32()).cast(pa.float16()),
        raw=pa.array([b"x"]),
    )
    (row,) = read_rows(write(content, "rows.parquet"))
    assert row.value == {
        "decimal": "1.00",
        "days": "2024-03-01",
        "lists": ["2024-03-01T00:00:00+00:00"],
        "pairs": {"a": 1},
        "half": 1.5,
        "raw": "x",
    }


def test_a_parquet_row_has_the_limit_of_a_row(write: Write) -> None:
    rows = list(read_rows(write(parquet(a=["x", "y" * 5_000, "z"]), "rows.parquet"), limit=1_000))
    assert codes(rows) == ["ok", "too_long", "ok"]


def test_a_parquet_that_repeats_a_large_value_is_read_a_few_rows_at_a_time(write: Write) -> None:
    same = pa.DictionaryArray.from_arrays(pa.array([0] * 4_000, pa.int32()), ["x" * 1_000_000])
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": same}), sink, store_schema=False)
    path = write(sink.getvalue(), "rows.parquet")
    assert path.stat().st_size < 2_000_000
    before = pa.total_allocated_bytes()
    rows = read_rows(path)
    next(rows)
    assert pa.total_allocated_bytes() - before < 400_000_000
    rows.close()


# -- landing -----------------------------------------------------------------------------------------------------------


def test_each_file_of_a_landing_has_its_own_result_and_the_others_land(drop: Drop) -> None:
    good = [event(n) for n in range(4)]
    lines = b"\n".join(map(dump, good))
    files = {
        "good.jsonl": (lines, 4, None),
        "empty.jsonl": (b"", 0, None),
        "empty.gz": (gzip.compress(b""), 0, None),
        "blank.jsonl": (b"\n\r\n  \n", 0, None),
        "utf16.jsonl": (lines.decode().encode("utf-16"), 0, "UTF-16"),
        "cut.parquet": (parquet(a=[1])[:-6], 0, "Parquet"),
        "book.xlsx": (b"PK\x03\x04", 0, "ZIP"),
    }
    paths = [drop.file(name, content) for name, (content, _, _) in files.items()]
    name = os.fsdecode(b"name\xff.jsonl")
    (drop.folder / name).write_bytes(dump(event(9)))
    report = drop.land("events", *paths, drop.folder / name)
    assert not report.is_complete
    for file, (accepted, error) in zip(
        report.files, [*((rows, error) for _, rows, error in files.values()), (1, None)], strict=True
    ):
        assert (file.accepted, file.quarantined) == (accepted, 0), file
        assert (error is None and file.error is None) or (error or "?") in (file.error or "?"), file
    # A name that is no text is written so that it can be told, and found again.
    assert {row["file"] for row in drop.bronze(columns="file")} == {"good.jsonl", "name\\xff.jsonl"}
    assert drop.land("events", drop.folder / name).duplicate == 1
    json.dumps(report.as_dict()).encode()


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device", "long name"])
def test_what_is_no_file_is_refused_before_anything_lands(drop: Drop, kind: str) -> None:
    path = drop.folder / "odd"
    good = drop.file("good.jsonl", GOOD)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path(os.devnull)
    elif kind == "long name":
        path = drop.folder / ("x" * 300)
    else:
        # A socket's address has at most 108 bytes, so it is bound from its own folder.
        with socket.socket(socket.AF_UNIX) as made, pytest.MonkeyPatch.context() as patch:
            patch.chdir(drop.folder)
            made.bind("odd")
    with pytest.raises(TenureError) as error:
        land(drop.lake, drop.catalog, "acme", "events", [good, path])
    assert error.value.next_step and drop.bronze() == []
    if kind != "long name":
        assert kind in error.value.why


def test_a_file_of_more_rows_than_the_quota_stops_there_and_goes_on_when_it_is_raised(drop: Drop) -> None:
    path = drop.file("rows.jsonl", b"\n".join(dump(event(n)) for n in range(6)))
    drop.catalog.set_tenant("acme", max_file_rows="4")
    first = drop.land("events", path)
    assert (first.accepted, first.is_complete) == (4, False)
    assert "max_file_rows" in (first.files[0].error or "") and drop.table("bronze/landings") == []
    drop.catalog.set_tenant("acme", max_file_rows="")
    second = drop.land("events", path)
    assert (second.accepted, second.duplicate, second.is_complete) == (2, 4, True)
    assert len(drop.bronze()) == 6


def test_a_file_of_more_bytes_than_the_quota_is_refused_before_a_row_lands(drop: Drop) -> None:
    drop.catalog.set_tenant("acme", max_file_bytes=100)
    report = drop.land_rows("events", event(1), event(2))
    assert (report.accepted, report.quarantined) == (0, 0)
    assert "max_file_bytes" in (report.files[0].error or "")


def test_a_file_that_goes_away_while_it_is_read_does_not_claim_its_end(drop: Drop) -> None:
    path = drop.file("rows.jsonl", GOOD)
    report = drop.land("events", path, on_progress=lambda _: path.unlink(missing_ok=True))
    assert report.accepted == 1 and "went away" in (report.files[0].error or "")
    assert drop.table("bronze/landings") == []


@pytest.mark.parametrize("said", ["0", "-1", "many", "1e9", "²"])
def test_a_quota_is_a_whole_number(drop: Drop, said: str) -> None:
    with pytest.raises(TenureError, match="max_file_rows"):
        drop.catalog.set_tenant("acme", max_file_rows=said)
