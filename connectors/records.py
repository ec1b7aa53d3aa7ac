"""The records contract (DESIGN §8): a row of accounts or users to a version in bronze/crm, or the reason it is refused.

The payload of a version is its contract columns in one spelling (times in UTC, whole numbers as digits, empty is
absent) and every other column under `extra`, so that two exports which say the same are the same. The times as they
were written stay under `received` where their spelling differs; `payload_sha` is taken without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from connectors import refusals
from connectors.arrow import columns
from connectors.canonical import NotText, TooDeep, canonical, exact, id_of, sha_hex, text_of
from connectors.refusals import Refused, shown
from connectors.times import MICROS_PER_DAY, NotATime, iso, parse_day, parse_micros
from warehouse_models.spec import TableSpec

# Silver gives the first version of a key all the time before it, from 1900-01-01: no version may be older than that.
FLOOR = parse_micros("1900-01-02")
_TYPED = ("record_id", "payload_sha", "updated_at", "op", "line", "bytes", "payload")
_TRUE, _FALSE = frozenset(("true", "t", "yes", "y", "1")), frozenset(("false", "f", "no", "n", "0"))


def _time(name: str, text: str) -> str:
    try:
        return iso(parse_micros(text))
    except NotATime:
        raise Refused(refusals.NOT_ISO.format(field=name, value=shown(text))) from None


def _day(name: str, text: str) -> str:
    try:
        return parse_day(text).isoformat()
    except NotATime:
        raise Refused(refusals.NOT_ISO_DAY.format(field=name, value=shown(text))) from None


def _count(name: str, text: str) -> str:
    try:
        number = Decimal(text) if text.isascii() and len(text) <= 40 else Decimal("nan")
        if number >= 0 and number == number.to_integral_value() and number < 2**63:
            return str(int(number))
    except InvalidOperation:
        pass
    raise Refused(refusals.BAD_INTEGER.format(field=name, value=shown(text)))


def _text(_: str, text: str) -> str:
    return text


@dataclass(frozen=True)
class RecordObject:
    """A canonical object whose rows are versions: its key column and the spelling of every other contract column."""

    name: str
    address: str
    key: str
    columns: dict[str, Callable[[str, str], str]]


RECORD_OBJECTS: dict[str, RecordObject] = {
    "accounts": RecordObject(
        "accounts",
        "bronze/crm/accounts",
        "account_id",
        {
            **dict.fromkeys(
                ("account_id", "name", "parent_account_id", "segment", "industry", "country", "csm"), _text
            ),
            "created_at": _time,
            "renewal_date": _day,
            "currency": _text,
            "licensed_seats": _count,
        },
    ),
    "users": RecordObject(
        "users",
        "bronze/crm/users",
        "user_id",
        {**dict.fromkeys(("user_id", "account_id", "email", "name", "role"), _text), "created_at": _time},
    ),
}


@dataclass
class RecordContract:
    """Reads versions of one object. Times in UTC microseconds; `default_time` is the updated_at of rows without one."""

    object: RecordObject
    landed_at: int
    default_time: int
    table: TableSpec

    def read(self, value: dict[str, Any], raw: bytes, line: int, size: int) -> tuple[Any, ...]:
        """One row in the order of `_TYPED`. Raises Refused."""
        value = exact(value, raw)
        key = self._field(value, self.object.key)
        if key is None:
            raise Refused(refusals.NO_KEY.format(field=self.object.key))
        try:
            return self._read(value, key, line, size)
        except Refused as refused:
            refused.record_id = refused.record_id or key
            raise

    def _read(self, value: dict[str, Any], key: str, line: int, size: int) -> tuple[Any, ...]:
        content: dict[str, Any] = {}
        received: dict[str, str] = {}
        for name, spelled in self.object.columns.items():
            text = self._field(value, name)
            if text is not None:
                content[name] = spelled(name, text)
                if content[name] != text and spelled in (_time, _day):
                    received[name] = text
        updated = self._field(value, "updated_at")
        at = self.default_time if updated is None else self._updated(updated, received)
        deleted = self._deleted(value)
        if deleted:
            content["is_deleted"] = True
        known = {*self.object.columns, "updated_at", "is_deleted"}
        extra = {name: cell for name, cell in value.items() if name not in known and cell is not None and cell != ""}
        try:
            if extra:
                content["extra"] = extra
            payload = canonical(content)
            sha = sha_hex(payload)
            if received:
                payload = canonical({**content, "received": received})
        except TooDeep:
            raise Refused(refusals.TOO_DEEP) from None
        return key, sha, at, "delete" if deleted else "upsert", line, size, payload.decode()

    def _updated(self, text: str, received: dict[str, str]) -> int:
        spelled, at = _time("updated_at", text), parse_micros(text)
        if at > self.landed_at + MICROS_PER_DAY:
            raise Refused(refusals.UPDATED_IN_FUTURE.format(value=spelled))
        if at < FLOOR:
            raise Refused(refusals.UPDATED_TOO_EARLY.format(value=spelled, floor=iso(FLOOR)[:10]))
        if spelled != text:
            received["updated_at"] = text
        return at

    def _field(self, value: dict[str, Any], name: str) -> str | None:
        try:
            text = (id_of if name.endswith("_id") else text_of)(value.get(name))
        except NotText:
            raise Refused(refusals.NOT_TEXT.format(field=name, kind=type(value[name]).__name__)) from None
        if text is not None and "\0" in text:
            raise Refused(refusals.NUL_IN_FIELD.format(field=name))
        return text

    def _deleted(self, value: dict[str, Any]) -> bool:
        said = value.get("is_deleted")
        if isinstance(said, bool) or said is None:
            return bool(said)
        text = (self._field(value, "is_deleted") or "false").lower()
        if text not in _TRUE and text not in _FALSE:
            raise Refused(refusals.BAD_BOOLEAN.format(field="is_deleted", value=shown(said)))
        return text in _TRUE

    def columns(self, rows: list[tuple[Any, ...]]) -> dict[str, pa.Array]:
        """The typed columns of read rows, by name."""
        return columns(self.table.arrow_schema, _TYPED, rows)
