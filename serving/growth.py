"""How long a value a short statement could build: an upper bound from its text, refused before it runs.

Sixty nested hex() make 2^60 characters out of one; thirty times `a || a` by way of aliases do the same. DuckDB builds
such a value in one step, which neither its memory limit nor an interrupt stops (tried: it ran on for a minute after a
limit of 3 s). So every call whose result is longer than its arguments counts as a factor, whatever it is applied to,
and the product over the statement times its longest text must stay below MAX_LENGTH. Rows do not count: they are
worked on in portions, between which a limit takes hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_LENGTH = 1 << 28
MAX_LIST = 1_000_000
# What a text out of a mart counts as where the statement itself holds no longer one.
_TEXT = 64
# Elements that a range between unknown ends counts as, by its step. A shorter one than an hour is refused: between the
# years 1 and 9999 DuckDB counts for minutes before it says that the list is too long.
_STEPS: dict[str, float] = {
    "hour": 10_000,
    "day": 400,
    "week": 60,
    "month": 60,
    "quarter": 60,
    "year": 60,
    "decade": 60,
}
_STEP = re.compile(r"^(?:to_|\d+ +)(\w+?)s?$")

_FACTORS = {
    name: factor
    for factor, names in {
        2: "hex to_hex base64 to_base64 to_json array_to_json json_quote json_array json regexp_escape",
        8: "bin to_binary json_pretty",
    }.items()
    for name in names.split()
}
_JOINS = """
    || concat concat_ws list_concat list_cat array_concat array_cat list_value list_pack array_value json_array
    json_object json_merge_patch struct_pack struct_concat struct_insert row map_concat list_append array_append
    list_prepend array_prepend
"""
_JOINING = frozenset(_JOINS.split())
_REPLACING = frozenset({"replace", "regexp_replace"})
_SEPARATING = frozenset({"array_to_string", "list_string_agg", "string_agg", "group_concat", "listagg"})
_RANGES = frozenset({"range", "generate_series"})
_PADDING = frozenset({"lpad", "rpad"})

Node = Mapping[str, Any]


class Growth:
    """The bound so far. `call` and `text` return why the statement is refused, or None."""

    def __init__(self) -> None:
        self.factor, self.longest = 1.0, float(_TEXT)

    def text(self, length: int) -> str | None:
        """A constant text of the statement."""
        self.longest = max(self.longest, length)
        return self._judge()

    def call(self, name: str, children: Sequence[Node]) -> str | None:
        """A call of a function or operator."""
        if name in _RANGES:
            count = _elements(children)
            if count > MAX_LIST:
                return f"its list may be longer than {MAX_LIST:,} elements, or its step is no number, hours or more"
            self.factor *= max(1.0, count)
        elif name in _REPLACING:
            self.factor *= _replacement(name, children)
        elif name in _SEPARATING:
            separator = _constant(children[1]) if len(children) > 1 else ","
            self.factor *= 1 + len(separator) if isinstance(separator, str) else _TEXT
        elif name in _PADDING:
            width = _constant(children[1]) if len(children) > 1 else 0
            self.longest = max(self.longest, float(width) if isinstance(width, int) else 0.0)
        elif name in _JOINING:
            self.factor *= max(1, sum(_constant(child) is None for child in children))
        self.factor *= _FACTORS.get(name, 1)
        return self._judge()

    def _judge(self) -> str | None:
        if self.factor * self.longest <= MAX_LENGTH:
            return None
        return "its nested calls could build one value of more than 256 MB, which no limit stops once begun"


def _constant(node: Node) -> Any:
    """The value of a constant, also below casts; None for anything else."""
    while node.get("type") == "OPERATOR_CAST":
        node = node.get("child") or {}
    if node.get("type") != "VALUE_CONSTANT":
        return None
    value = node.get("value") or {}
    return "" if value.get("is_null") else value.get("value", "")


def _replacement(name: str, children: Sequence[Node]) -> float:
    """How much longer a replacement can make a text: once for every place it fits."""
    texts = [_constant(child) for child in children[1:3]]
    if len(texts) < 2 or not all(isinstance(value, str) for value in texts):
        return float(_TEXT)
    old, new = texts
    return max(1.0, len(new) / max(1, len(old))) if name == "replace" else 1.0 + len(new)


def _elements(children: Sequence[Node]) -> float:
    """Elements of a range: counted between constants, else estimated by its step."""
    values = [_constant(child) for child in children]
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(children):
        first, last = (0.0, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
        step = numbers[2] if len(numbers) > 2 else 1.0
        return math.ceil(abs(last - first) / abs(step)) if step else 1.0
    if len(children) < 3 or isinstance(values[2], int | float):
        return float(MAX_LIST)
    step_text = values[2] if isinstance(values[2], str) else str(children[2].get("function_name", ""))
    unit = _STEP.match(step_text)
    return _STEPS.get(unit[1], math.inf) if unit else math.inf
