"""Why a row is refused: stable codes, followed by words that say what was found."""

from __future__ import annotations

NOT_UTF8 = "not_utf8: the row is not UTF-8 text"
NUL_BYTES = "nul_bytes: the row holds NUL bytes"
NOT_JSON = "not_json: the row is not valid JSON"
HALF_CHARACTER = "not_utf8: the row holds half of a surrogate pair, which no text can hold"
NOT_AN_OBJECT = "not_an_object: the row is JSON but not an object; JSONL is one object a line"
TOO_LONG = "too_long: the row has {size:,} bytes; rows of {limit:,} bytes or more are refused"
TOO_DEEP = "too_deep: the row is nested too deeply to be kept as JSON"
WRONG_COLUMNS = "wrong_columns: the row has {found} columns, the header {wanted}"
BROKEN_QUOTES = "broken_quotes: a quoted cell does not end as CSV says"
BARE_CR = "bare_cr: a carriage return stands in the middle of the row; lines end with a line feed"
UNREADABLE_CELL = "unreadable_value: column {column} holds a value that cannot be written as text ({why})"
NOT_UTF8_CELL = "not_utf8: column {column} holds bytes that are not UTF-8 text"
NO_TYPE = "no_type: type is missing"
UNKNOWN_TYPE = "unknown_type: type {value} is none of identify, track, page, screen, group, alias"
NO_USER = "no_user: neither userId nor anonymousId"
NO_EVENT = "no_event: a track without an event name"
NO_TIME = "no_time: no timestamp, originalTimestamp, sentAt or receivedAt"
NOT_ISO = "not_iso_time: {field} {value} is not an ISO 8601 time (YYYY-MM-DDThh:mm:ss with Z or an offset)"
NOT_ISO_DAY = "not_iso_date: {field} {value} is not an ISO 8601 date (YYYY-MM-DD)"
BEFORE_FLOOR = "before_floor: the {what} {value} lies before {floor}"
FROM_FUTURE = "from_future: the received time {value} is later than a day after landing"
NOT_TEXT = "not_text: {field} holds {kind}, not text or a number"
NUL_IN_FIELD = "nul_bytes: {field} holds a NUL character"
NO_KEY = "no_key: {field} is missing"
UPDATED_IN_FUTURE = "updated_in_future: updated_at {value} is later than a day after landing"
UPDATED_TOO_EARLY = (
    "updated_too_early: updated_at {value} lies before {floor}; first versions are valid from the day before"
)
BAD_INTEGER = "bad_integer: {field} {value} is not a whole number of 0 or more"
BAD_COUNT = "bad_integer: {field} {value} is not a whole number from 1 to 1200"
BAD_DECIMAL = "bad_number: {field} {value} is not a decimal number (digits with a dot, no thousands separators)"
TOO_LARGE = "too_large: {field} {value} is not below {limit}"
TOO_FINE = "too_fine: {field} {value} has more than {digits} decimal places"
NEGATIVE = "negative_price: {field} {value} is below 0; a price cannot be, a credit is an invoice line"
BAD_RATE = "bad_rate: {field} {value} is not above 0"
UNKNOWN_CURRENCY = "unknown_currency: {field} {value} is no ISO 4217 currency with a minor unit, such as EUR"
UNKNOWN_VALUE = "unknown_value: {field} {value} is none of {known}"
MISSING = "missing: {field} is missing"
END_BEFORE_START = "end_before_start: end_date {end} lies before start_date {start}"
HALF_PERIOD = "half_period: {there} is given without {missing}; a period has both or neither"
EMPTY_PERIOD = "empty_period: period_end {end} is not after period_start {start} (the end is exclusive)"
SAME_CURRENCY = "same_currency: from_currency and to_currency are both {value}"
BAD_BOOLEAN = "bad_boolean: {field} {value} is neither true nor false"
CONFLICT = "conflict: {file} line {line} says otherwise about {key} at {at}; the key has no version at that time"


class Refused(Exception):
    """One row breaks the contract. `reason` starts with a stable code; `record_id` is the key if it could be read."""

    def __init__(self, reason: str, record_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.record_id = reason, record_id


def shown(value: object) -> str:
    """A value as it may stand in a reason: quoted, on one line, at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…" + text[-1]
