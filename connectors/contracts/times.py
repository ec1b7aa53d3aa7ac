"""ISO 8601 times to UTC microseconds; anything else is refused, never guessed.

Accepted: calendar dates `2024-02-13`, with an optional time after `T` or one space (hours, minutes, seconds, a fraction
of the second after `.` or `,`), with an optional offset (`Z`, `+02`, `+0200`, `+02:00`); the basic form
`20240213T101500Z`; the end of a day as `24:00`; a leap second. No offset means UTC. Digits below a microsecond are cut
off.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_EXTENDED = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:[Zz]|[+-]\d{2}(?::?[0-5]\d)?)?)?", re.ASCII
)
_BASIC = re.compile(r"\d{8}[Tt]\d{4}(?:\d{2}(?:[.,]\d+)?)?(?:[Zz]|[+-]\d{2}(?:[0-5]\d)?)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_END_OF_DAY = re.compile(r"24:?00(?::?00(?:[.,]0+)?)?(?=$|Z|[+-])")
_LEAP_SECOND = re.compile(r"(\d{2}:?[0-5]\d:?)60(?=$|Z|[+-]|[.,])")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE = _EPOCH.replace(tzinfo=None)

MICROS_PER_SECOND = 1_000_000
MICROS_PER_DAY = 86_400 * MICROS_PER_SECOND


class NotATime(ValueError):
    """The text is not an ISO 8601 time (or names a day that does not exist)."""


def parse_micros(text: str) -> int:
    """Microseconds since 1970-01-01T00:00:00Z of an ISO 8601 time. Raises NotATime."""
    if _EXTENDED.fullmatch(text) is None and _BASIC.fullmatch(text) is None:
        raise NotATime(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _parse_rare(text)
    return _micros(moment)


def _micros(moment: datetime) -> int:
    # Subtraction, not astimezone(): the first and last days of the calendar would overflow there.
    gone = moment - (_EPOCH_NAIVE if moment.tzinfo is None else _EPOCH)
    return gone.days * MICROS_PER_DAY + gone.seconds * MICROS_PER_SECOND + gone.microseconds


def _parse_rare(text: str) -> int:
    """The forms that ISO 8601 allows and the standard library does not: lower-case z, 24:00, second 60."""
    plain, added = text.upper(), 0
    head, sep, clock = plain[:10], plain[10:11], plain[11:]
    if "-" not in head:
        head, sep, clock = plain[:8], plain[8:9], plain[9:]
    if _END_OF_DAY.match(clock):
        clock, added = _END_OF_DAY.sub(lambda m: "00" + m.group()[2:], clock, count=1), MICROS_PER_DAY
    elif (leap := _LEAP_SECOND.match(clock)) is not None:
        clock, added = leap.group(1) + "59" + clock[leap.end() :], MICROS_PER_SECOND
    try:
        return _micros(datetime.fromisoformat(head + sep + clock)) + added
    except ValueError:
        raise NotATime(text) from None


def parse_day(text: str) -> date:
    """The UTC day of an ISO 8601 date or time. Raises NotATime."""
    if _DATE.fullmatch(text) is not None:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise NotATime(text) from None
    try:
        return (_EPOCH_NAIVE + timedelta(microseconds=parse_micros(text))).date()
    except OverflowError:
        raise NotATime(text) from None


def now_micros() -> int:
    """The clock, in UTC microseconds."""
    return _micros(datetime.now(UTC))


def iso(micros: int) -> str:
    """`2024-02-13T10:15:00.000000Z` of UTC microseconds: the one spelling we write.

    Raises NotATime outside the years 1 to 9999.
    """
    try:
        moment = _EPOCH_NAIVE + timedelta(microseconds=micros)
    except OverflowError:
        raise NotATime(str(micros)) from None
    return moment.isoformat(timespec="microseconds") + "Z"
