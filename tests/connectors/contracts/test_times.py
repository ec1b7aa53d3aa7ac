"""Times: ISO 8601 and nothing else, to UTC microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contracts.times import NotATime, iso, parse_day, parse_micros

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-02-13", "2024-02-13T00:00:00.000000Z"),
        ("2024-02-13T10:15", "2024-02-13T10:15:00.000000Z"),
        ("2024-02-13 10:15:30", "2024-02-13T10:15:30.000000Z"),
        ("2024-02-13T10:15:30Z", "2024-02-13T10:15:30.000000Z"),
        ("2024-02-13t10:15:30z", "2024-02-13T10:15:30.000000Z"),
        ("2024-02-13T10:15:30.5Z", "2024-02-13T10:15:30.500000Z"),
        ("2024-02-13T10:15:30,25Z", "2024-02-13T10:15:30.250000Z"),
        ("2024-02-13T10:15:30.123456789Z", "2024-02-13T10:15:30.123456Z"),
        ("2024-02-13T00:15:30+02:00", "2024-02-12T22:15:30.000000Z"),
        ("2024-02-13T10:15:30-0530", "2024-02-13T15:45:30.000000Z"),
        ("2024-02-13T10:15:30+01", "2024-02-13T09:15:30.000000Z"),
        ("20240213T101530Z", "2024-02-13T10:15:30.000000Z"),
        ("2024-02-29T24:00:00Z", "2024-03-01T00:00:00.000000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
    ],
)
def test_iso_8601_is_read_as_utc_microseconds(text: str, utc: str) -> None:
    assert iso(parse_micros(text)) == utc


@pytest.mark.parametrize(
    "text",
    [
        *("13/02/2024", "02/13/2024", "13.02.2024", "2024/02/13", "13-02-2024", "Feb 13, 2024", "20240213"),
        *("2024-13-01", "2024-02-30", "2023-02-29", "2024-02-13T25:00", "2024-02-13T24:01", "2024-02-13T10:61"),
        *("1707819330", "1707819330000", "", " ", "now", "null", "2024-2-13", "24-02-13", "2024-02-13T", "2024-02"),
        *(" 2024-02-13", "2024-02-13 ", "2024-02-13\n", "2024-02-13T10:15:30 Z", "2024-02-13T10:15:30+25:00"),
        *("2024-02-13_10:15", "２０２４-02-13", "2024-02-13T10:15:30+02:60", "2024-02-13T10:15:30GMT"),
    ],
)
def test_every_other_order_and_spelling_is_refused_and_never_guessed(text: str) -> None:
    with pytest.raises(NotATime):
        parse_micros(text)


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_any_moment_written_in_any_offset_is_the_same_moment(moment: datetime, offset_minutes: int) -> None:
    aware = moment.replace(tzinfo=UTC)
    written = aware.astimezone(timezone(timedelta(minutes=offset_minutes))).isoformat()
    assert parse_micros(written) == (aware - _EPOCH) // timedelta(microseconds=1)
    assert parse_micros(iso(parse_micros(written))) == parse_micros(written)


@given(st.text(max_size=40))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    for read in (parse_micros, parse_day):
        try:
            read(text)
        except NotATime:
            continue
