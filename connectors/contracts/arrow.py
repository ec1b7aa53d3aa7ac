"""Rows as tuples to Arrow columns of a spec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa


def columns(schema: pa.Schema, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, pa.Array]:
    """The columns `names` of `rows` (tuples in that order) in the types of `schema`; times are UTC microseconds."""
    made = {}
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        kind = schema.field(name).type
        # An integer is a timestamp's storage.
        held = pa.int64() if pa.types.is_timestamp(kind) else kind
        array = pa.array(cells, type=held)
        made[name] = array if held is kind else array.cast(kind)
    return made
