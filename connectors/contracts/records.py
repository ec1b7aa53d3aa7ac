"""The records contract (DESIGN §8): a row of a record object to a version in bronze, or the reason it is refused.

The payload of a version is its contract columns in one spelling (times in UTC, numbers as digits, empty is absent) and
every other column under `extra`, so that two exports which say the same are the same. The times as they were written
stay under `received` where their spelling differs; `payload_sha` is taken without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from connectors.contracts import fields as spelling
from connectors.contracts import reasons
from connectors.contracts.canonical import NotText, TooDeep, canonical, id_of, sha_hex, text_of
from connectors.contracts.objects import RecordRules
from connectors.contracts.reasons import Refused
from connectors.contracts.times import MICROS_PER_DAY, iso, parse_micros
from warehouse_models.spec import TableSpec

# Silver gives the first version of a key all the time before it, from 1900-01-01: no version may be older than that.
FLOOR = parse_micros("1900-01-02")
# The columns that a read row has, in its order.
TYPED = ("record_id", "payload_sha", "updated_at", "op", "line", "bytes", "payload")


@dataclass
class RecordContract:
    """Reads versions of one object. Times in UTC microseconds; `default_time` is the updated_at of rows without one.

    `speaks_of`: the latest day (ISO) that the rows read so far speak of, up to the landing's own; None: none does.
    """

    rules: RecordRules
    landed_at: int
    default_time: int
    table: TableSpec
    speaks_of: str | None = None
    typed: ClassVar[tuple[str, ...]] = TYPED

    def read(self, value: dict[str, Any], raw: bytes, line: int, size: int) -> tuple[Any, ...]:
        """One row in the order of `TYPED`; `value` has every digit (canonical.exact). Raises Refused."""
        keys = {name: self._field(value, name) for name in self.rules.key}
        for name, part in keys.items():
            if part is None:
                raise Refused(reasons.NO_KEY.format(field=name))
        # Until every part is spelled, a refusal names the record by what was written.
        named = "@".join(str(part) for part in keys.values())
        try:
            return self._read(value, line, size)
        except Refused as refused:
            refused.record_id = refused.record_id or named
            raise

    def _read(self, value: dict[str, Any], line: int, size: int) -> tuple[Any, ...]:
        content: dict[str, Any] = {}
        received: dict[str, str] = {}
        for name, spelled in self.rules.columns.items():
            text = self._field(value, name)
            if text is not None:
                content[name] = spelled(name, text)
                if content[name] != text and spelled in (spelling.time, spelling.day):
                    received[name] = text
        updated = self._field(value, "updated_at")
        at = self.default_time if updated is None else self._updated(updated, received)
        deleted = self._deleted(value)
        if deleted:
            content["is_deleted"] = True
        else:
            self._check(content)
        ours = {*self.rules.columns, "updated_at", "is_deleted"}
        extra = {name: cell for name, cell in value.items() if name not in ours and cell is not None and cell != ""}
        key = self.rules.record_id(content)
        try:
            if extra:
                content["extra"] = extra
            payload = canonical(content)
            sha = sha_hex(payload)
            if received:
                payload = canonical({**content, "received": received})
        except TooDeep:
            raise Refused(reasons.TOO_DEEP) from None
        if not deleted:
            self._note_dates(content)
        return key, sha, at, "delete" if deleted else "upsert", line, size, payload.decode()

    def _check(self, content: dict[str, Any]) -> None:
        """A deletion needs its key only; a state needs every required column, and none that contradict."""
        for name in self.rules.required:
            if name not in content:
                raise Refused(reasons.MISSING.format(field=name))
        self.rules.check(content)

    def _note_dates(self, content: dict[str, Any]) -> None:
        landed = iso(self.landed_at)[:10]
        days = [content[name][:10] for name in self.rules.dates if name in content]
        self.speaks_of = max([day for day in days if day <= landed] + [self.speaks_of or ""]) or None

    def _updated(self, text: str, received: dict[str, str]) -> int:
        spelled, at = spelling.time("updated_at", text), parse_micros(text)
        if at > self.landed_at + MICROS_PER_DAY:
            raise Refused(reasons.UPDATED_IN_FUTURE.format(value=spelled))
        if at < FLOOR:
            raise Refused(reasons.UPDATED_TOO_EARLY.format(value=spelled, floor=iso(FLOOR)[:10]))
        if spelled != text:
            received["updated_at"] = text
        return at

    def _field(self, value: dict[str, Any], name: str) -> str | None:
        cell = value.get(name)
        if isinstance(cell, bool) and self.rules.columns.get(name) is spelling.boolean:
            return "true" if cell else "false"
        try:
            text = (id_of if name.endswith("_id") else text_of)(cell)
        except NotText:
            raise Refused(reasons.NOT_TEXT.format(field=name, kind=type(value[name]).__name__)) from None
        if text is not None and "\0" in text:
            raise Refused(reasons.NUL_IN_FIELD.format(field=name))
        return text

    def _deleted(self, value: dict[str, Any]) -> bool:
        cell = value.get("is_deleted")
        if isinstance(cell, bool) or cell is None:
            return bool(cell)
        return spelling.boolean("is_deleted", self._field(value, "is_deleted") or "false") == "true"
