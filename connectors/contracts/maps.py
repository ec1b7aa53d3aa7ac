"""`--map FILE.yaml`: a foreign export's columns, constants and units onto the contract.

    object: accounts       # what the rows are; a file of another object is refused
    columns:               # contract column: column of the file (dots reach into objects)
      account_id: id
      context.groupId: company
    joined:                # contract column: columns of the file that only together name a row
      invoice_line_id: [customer, period]
    constants:             # contract column: the value of every row
      currency: USD
    units:                 # contract column: factor, exact decimal arithmetic
      amount: 0.01
    nulls: ["None", "-"]   # cells that mean nothing

A source column that is mapped is taken from the row; all others stay as they are (and end in `extra` if the contract
does not know them). A map that does not fit is refused before a row lands: an unknown part, an unknown object, a target
that is no column of the object, and, in CSV and Parquet, a source that the file lacks. Tenure's own maps lie in
`connectors/systems/*/maps/`; `--map NAME` without a path finds them (`systems/discovery.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from connectors.contracts.canonical import NotText, TooDeep, canonical, text_of
from connectors.contracts.events import NESTED
from connectors.contracts.reasons import Refused, shown
from warehouse_models.errors import TenureError
from warehouse_models.objects.every import all_objects

_PARTS = ("object", "columns", "joined", "constants", "units", "nulls", "description")
# No map that anybody wrote by hand is larger.
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Mapping:
    """A read map. `sha` identifies its meaning: landing a file under another map is another landing.

    `name` is its file's name; `object` what it says its rows are, None where it does not.
    """

    name: str = ""
    object: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    joined: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    units: dict[str, Decimal] = field(default_factory=dict)
    nulls: frozenset[str] = frozenset()

    @property
    def sha(self) -> str:
        parts = [self.columns, self.constants, {k: str(v) for k, v in self.units.items()}, sorted(self.nulls)]
        # Only where there are some: the sha of a map without them is what it always was.
        parts += [self.joined] if self.joined else []
        return sha256(canonical(parts)).hexdigest()

    @property
    def sources(self) -> list[str]:
        """Columns of the file that the map reads."""
        return [*self.columns.values(), *(name for names in self.joined.values() for name in names)]

    def apply(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row under the contract's names. Raises Refused where a unit meets something that is no number."""
        left = {name: cell for name, cell in row.items() if not (cell.__class__ is str and cell in self.nulls)}
        taken = {target: take(row, source) for target, source in self.columns.items()}
        taken |= {target: _joined(row, names) for target, names in self.joined.items()}
        for source in self.columns.values():
            left.pop(source, None)
        result: dict[str, Any] = left
        for target, value in taken.items():
            if value is not None and not (isinstance(value, str) and value in self.nulls):
                _put(result, target, value)
        for target, value in self.constants.items():
            _put(result, target, value)
        for target, factor in self.units.items():
            value = take(result, target)
            if value is not None:
                _put(result, target, _scaled(target, value, factor))
        return result

    def check(self, object: str) -> None:
        """TenureError where the map is for another object than `object`, or fills a column that it does not have."""
        if self.object is not None and self.object != object:
            why = f"it maps {self.object}, and the files are landed as {object}"
            raise TenureError(f"map {self.name}", why, f"--object {self.object}, or another map")
        targets = _targets(object)
        for target in (*self.columns, *self.joined, *self.constants, *self.units):
            head, dot, _ = target.partition(".")
            if target in targets or (object == "events" and dot and head in NESTED):
                continue
            near = get_close_matches(target, targets, 1)
            meant = f"; did it mean {near[0]}?" if near else ""
            more = " (and fields of properties, traits and context, e.g. context.groupId)" if object == "events" else ""
            why = f"{target} is no column of {object}{meant}"
            raise TenureError(f"map {self.name}", why, f"columns of {object}: {', '.join(targets)}{more}")


def _targets(object: str) -> tuple[str, ...]:
    """What a map may fill in rows of an object."""
    declared = all_objects()[object]
    return (*declared.names, "updated_at", "is_deleted") if declared.is_record else declared.names


def _joined(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """The texts of some columns as one, which no other texts give; None where one is missing."""
    try:
        parts = [text_of(take(row, name)) for name in names]
    except NotText:
        return None
    if None in parts:
        return None
    return ":".join(str(part).replace("\\", "\\\\").replace(":", "\\:") for part in parts)


def take(row: dict[str, Any], name: str) -> Any:
    """The value at `name`; dots reach into objects; None where there is none."""
    if name in row:
        return row[name]
    head, dot, rest = name.partition(".")
    inner = row.get(head) if dot else None
    return take(inner, rest) if isinstance(inner, dict) else None


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


def read_mapping(path: Path | str, shipped: dict[str, Path] | None = None) -> Mapping:
    """A map from its YAML file, or by its name among `shipped` (name → file). TenureError names what is wrong."""
    path, shipped = Path(path), shipped or {}
    if str(path) in shipped and not path.exists():
        path = shipped[str(path)]
    parts = _loaded(path, sorted(shipped))
    if unknown := sorted(str(part) for part in set(parts) - set(_PARTS)):
        raise _wrong(path, f"it has an unknown part {', '.join(unknown)}")
    object = parts.get("object")
    if object is not None and object not in all_objects():
        next_step = f"objects: {', '.join(all_objects())}"
        raise TenureError(f"map {path}", f"it maps {object}, which cannot be landed", next_step)
    for part in ("columns", "joined", "constants", "units"):
        if not isinstance(parts.get(part) or {}, dict):
            raise _wrong(path, f"{part} is not a mapping of contract column to value")
    columns = parts.get("columns") or {}
    if odd := [target for target, source in columns.items() if not isinstance(source, str | int) or source == ""]:
        raise _wrong(path, f"columns: {odd[0]} names no column of the file")
    joined = parts.get("joined") or {}
    if odd := [target for target, names in joined.items() if not _is_names(names)]:
        raise _wrong(path, f"joined: {odd[0]} is not a list of two or more columns of the file")
    nulls = parts.get("nulls") or []
    if not isinstance(nulls, list) or not all(isinstance(cell, str | int | float) for cell in nulls):
        raise _wrong(path, "nulls is not a list of texts (quote each: ['None', '-'])")
    try:
        units = {str(name): Decimal(str(factor)) for name, factor in (parts.get("units") or {}).items()}
        if not all(factor.is_finite() for factor in units.values()):
            raise InvalidOperation
    except InvalidOperation:
        raise _wrong(path, "units holds a factor that is not a number") from None
    return Mapping(
        name=path.name,
        object=object,
        columns={str(target): str(source) for target, source in columns.items()},
        joined={str(target): tuple(str(name) for name in names) for target, names in joined.items()},
        constants={str(target): _constant(path, value) for target, value in (parts.get("constants") or {}).items()},
        units=units,
        nulls=frozenset(str(cell) for cell in nulls),
    )


def _is_names(names: Any) -> bool:
    return isinstance(names, list) and len(names) > 1 and all(isinstance(n, str | int) and n != "" for n in names)


def _loaded(path: Path, shipped: list[str]) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise _wrong(path, f"it has more than {_LARGEST:,} bytes")
        text = path.read_text(encoding="utf-8")
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise _wrong(path, "it uses YAML aliases, which can make gigabytes out of a few lines")
        parts = yaml.safe_load(text) or {}
    except (OSError, UnicodeEncodeError) as error:
        why = f"it cannot be read ({getattr(error, 'strerror', None) or error})"
        next_step = f"check the path; maps that come with Tenure: {', '.join(shipped)}"
        raise TenureError(f"map {path}", why, next_step) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        why = f"it is not valid YAML ({(str(error).splitlines() or ['?'])[0]})"
        raise TenureError(f"map {path}", why, "mend the file") from error
    if not isinstance(parts, dict):
        raise _wrong(path, "it is not a mapping of parts")
    return parts


def _constant(path: Path, value: Any) -> Any:
    """YAML reads 2024-01-31 as a date; a row holds text."""
    if isinstance(value, date):
        return value.isoformat()
    try:
        canonical(value)
    except (TooDeep, TypeError, ValueError):
        raise _wrong(path, f"constants holds a value that is no JSON ({shown(value)})") from None
    return value


def _wrong(path: Path, why: str) -> TenureError:
    return TenureError(f"map {path}", why, f"its parts are {', '.join(_PARTS)}")
