"""The one spelling of a JSON value, its hash, and how single fields are read: empty is absent, numbers are text."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from hashlib import sha256
from typing import Any

import orjson

_SORTED = orjson.OPT_SORT_KEYS
# The shortest integer that does not fit into 64 bits has 20 digits.
_LONG_NUMBER = re.compile(rb"[0-9]{20}")
# A float keeps 15 digits of any decimal number.
_LONG_FRACTION = re.compile(rb"[0-9](?:\.?[0-9]){15}")


class TooDeep(ValueError):
    """The JSON is nested deeper than we can write again."""


class NotText(ValueError):
    """A field that must be text or a number holds an object, a list or a boolean."""


def canonical(value: Any) -> bytes:
    """Compact UTF-8 JSON with sorted keys. Raises TooDeep for more than a few hundred levels of nesting."""
    try:
        return orjson.dumps(value, option=_SORTED)
    except TypeError:
        # Two causes: integers beyond 64 bits, which the standard library writes digit by digit, or too many levels.
        try:
            return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        except (RecursionError, ValueError, UnicodeEncodeError) as error:
            raise TooDeep("nested too deeply") from error


def parse(raw: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError (orjson.JSONDecodeError)."""
    return orjson.loads(raw)


def exact(value: dict[str, Any], raw: bytes, *, fractions: bool = False) -> dict[str, Any]:
    """The object that `raw` was parsed to, with every digit of the integers that `parse` rounded (beyond 64 bits).

    Two ids of that length must not become one. `fractions`: a decimal of which a float keeps not every digit becomes
    its text, for it may be money. The value itself where nothing was rounded or `raw` is no JSON.
    """
    if (_LONG_FRACTION if fractions else _LONG_NUMBER).search(raw) is None:
        return value
    try:
        digits = json.loads(raw, parse_float=_Fraction) if fractions else json.loads(raw)
        return _with_digits(value, digits)
    except (ValueError, RecursionError):
        return value


class _Fraction(str):
    """The text of a JSON number with a fraction or an exponent."""


def _with_digits(value: Any, digits: Any) -> Any:
    if value.__class__ is float and digits.__class__ is int:
        return digits
    if value.__class__ is float and digits.__class__ is _Fraction:
        return value if _is_equal(value, digits) else str(digits)
    if isinstance(value, dict) and isinstance(digits, dict):
        return {name: _with_digits(inner, digits.get(name)) for name, inner in value.items()}
    if isinstance(value, list) and isinstance(digits, list) and len(value) == len(digits):
        return [_with_digits(*pair) for pair in zip(value, digits, strict=True)]
    return value


def _is_equal(value: float, digits: str) -> bool:
    try:
        return Decimal(repr(value)) == Decimal(digits)
    except ArithmeticError:
        return False  # an exponent beyond what Decimal holds: JSON allows it


def sha_hex(raw: bytes) -> str:
    """SHA-256 as 64 hexadecimal digits."""
    return sha256(raw).hexdigest()


def key64(text: str) -> int:
    """A signed 64-bit key of a text: the first eight bytes of its SHA-256. For look-ups, never alone for equality."""
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big", signed=True)


def text_of(value: Any) -> str | None:
    """A field as text: None and empty strings are absent, numbers become their JSON text. Raises NotText otherwise."""
    if value.__class__ is str:
        return value or None
    if value is None:
        return None
    if value.__class__ is int or value.__class__ is float:
        return canonical(value).decode()
    raise NotText(type(value).__name__)


def id_of(value: Any) -> str | None:
    """Like text_of, for an id: one of nothing but white space is absent too. Raises NotText."""
    text = text_of(value)
    return None if text is None or text.isspace() else text
