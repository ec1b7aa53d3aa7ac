"""`--map FILE.yaml`: a foreign export's columns, constants and units onto the contract.

    columns:               # contract column: column of the file (dots reach into objects)
      account_id: id
      context.groupId: company
    constants:             # contract column: the value of every row
      currency: USD
    units:                 # contract column: factor, exact decimal arithmetic
      amount: 0.01
    nulls: ["None", "-"]   # cells that mean nothing

A source column that is mapped is taken from the row; all others stay as they are (and end in `extra` if the contract
does not know them).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from connectors.canonical import NotText, canonical, text_of
from connectors.refusals import Refused, shown
from warehouse_models.errors import TenureError

_PARTS = ("columns", "constants", "units", "nulls", "description")


@dataclass(frozen=True)
class Mapping:
    """A read map. `sha` identifies its meaning: landing a file under another map is another landing."""

    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    units: dict[str, Decimal] = field(default_factory=dict)
    nulls: frozenset[str] = frozenset()

    @property
    def sha(self) -> str:
        told = [self.columns, self.constants, {k: str(v) for k, v in self.units.items()}, sorted(self.nulls)]
        return sha256(canonical(told)).hexdigest()

    def apply(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row under the contract's names. Raises Refused where a unit meets something that is no number."""
        left = {name: cell for name, cell in row.items() if not (cell.__class__ is str and cell in self.nulls)}
        taken = {target: _take(row, source) for target, source in self.columns.items()}
        for source in self.columns.values():
            left.pop(source, None)
        result: dict[str, Any] = left
        for target, value in taken.items():
            if value is not None and not (isinstance(value, str) and value in self.nulls):
                _put(result, target, value)
        for target, value in self.constants.items():
            _put(result, target, value)
        for target, factor in self.units.items():
            value = _take(result, target)
            if value is not None:
                _put(result, target, _scaled(target, value, factor))
        return result


def _take(row: dict[str, Any], name: str) -> Any:
    if name in row:
        return row[name]
    head, dot, rest = name.partition(".")
    inner = row.get(head) if dot else None
    return _take(inner, rest) if isinstance(inner, dict) else None


def _put(row: dict[str, Any], name: str, value: Any) -> None:
    head, dot, rest = name.partition(".")
    if not dot:
        row[name] = value
        return
    inner = row.get(head)
    row[head] = inner = dict(inner) if isinstance(inner, dict) else {}
    _put(inner, rest, value)


def _scaled(target: str, value: Any, factor: Decimal) -> str:
    try:
        return format((Decimal(text_of(value) or "nan") * factor).normalize(), "f")
    except (InvalidOperation, NotText):
        raise Refused(f"bad_number: {target} {shown(value)} is not a number, the map gives it a unit") from None


def read_mapping(path: Path | str) -> Mapping:
    """A map from its YAML file. TenureError names what is wrong in it."""
    path = Path(path)
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise TenureError(f"map {path}", f"it cannot be read ({error.strerror})", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TenureError(
            f"map {path}", f"it is not valid YAML ({str(error).splitlines()[0]})", "mend the file"
        ) from error
    if not isinstance(told, dict):
        raise _wrong(path, "it is not a mapping of parts")
    if unknown := sorted(str(part) for part in set(told) - set(_PARTS)):
        raise _wrong(path, f"it has an unknown part {', '.join(unknown)}")
    for part in ("columns", "constants", "units"):
        if not isinstance(told.get(part) or {}, dict):
            raise _wrong(path, f"{part} is not a mapping of contract column to value")
    if not isinstance(told.get("nulls") or [], list):
        raise _wrong(path, "nulls is not a list")
    try:
        units = {str(name): Decimal(str(factor)) for name, factor in (told.get("units") or {}).items()}
    except InvalidOperation:
        raise _wrong(path, "units holds a factor that is not a number") from None
    return Mapping(
        columns={str(target): str(source) for target, source in (told.get("columns") or {}).items()},
        constants=dict(told.get("constants") or {}),
        units=units,
        nulls=frozenset(str(cell) for cell in told.get("nulls") or []),
    )


def _wrong(path: Path, why: str) -> TenureError:
    return TenureError(f"map {path}", why, f"its parts are {', '.join(_PARTS)}")
