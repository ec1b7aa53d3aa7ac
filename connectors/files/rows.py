"""What a row of a file is, and what its formats share: lines, the longest row, the columns that a map needs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

from connectors.files.formats import Stream, Unreadable
from warehouse_models.errors import TenureError

DEFAULT_MAX_ROW = 10_000_000
# So much of a row that is too long is kept.
HEAD = 65_536
_BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """One row of a file. `line` is where it starts (from 1), `last_line` where it ends, `size` its bytes.

    `raw` is the row's bytes (only the head of one that is too long); `value` a dict, or None with a `refusal`.
    """

    line: int
    last_line: int
    raw: bytes
    size: int
    value: dict[str, Any] | None
    refusal: str | None


def max_row_bytes() -> int:
    """The size from which a row is refused: TENURE_MAX_ROW_BYTES or 10 MB. TenureError: it is no number."""
    text = os.environ.get("TENURE_MAX_ROW_BYTES") or str(DEFAULT_MAX_ROW)
    if not (text.isascii() and text.isdigit() and int(text)):
        why = f"{text!r} is not a whole number of bytes"
        raise TenureError("TENURE_MAX_ROW_BYTES", why, f"digits only, e.g. {DEFAULT_MAX_ROW}, or leave it unset")
    return int(text)


def check_sources(sources: Collection[str], names: Collection[str]) -> None:
    """Unreadable where a map names a column that a table file lacks."""
    lacking = [source for source in sources if source not in names and source.partition(".")[0] not in names]
    if lacking:
        near = get_close_matches(lacking[0], list(names), 1)
        meant = f"; did it mean {near[0]}?" if near else ""
        has = ", ".join(list(names)[:20]) + (", …" if len(names) > 20 else "")
        raise Unreadable(f"the map reads column {', '.join(lacking)}, which the file lacks{meant} (it has: {has})")


def lines(stream: Stream, limit: int) -> Iterator[tuple[bytes, int]]:
    """Lines without their line feed, and their sizes; of a line of `limit` bytes or more only the head is kept."""
    carry, dropped = b"", 0
    first = True
    while block := stream.read(_BLOCK):
        if first:
            block, first = block.removeprefix(_BOM), False
        if dropped:
            # Inside a line that is too long: look for its end without keeping it.
            end = block.find(b"\n")
            if end < 0:
                dropped += len(block)
                continue
            yield carry, dropped + end
            block, carry, dropped = block[end + 1 :], b"", 0
        parts = (carry + block).split(b"\n")
        carry = parts.pop()
        for part in parts:
            size = len(part)
            yield (part if size < limit else part[:HEAD]), size
        if len(carry) >= limit:
            carry, dropped = carry[:HEAD], len(carry)
    if carry:
        yield carry, dropped or len(carry)
