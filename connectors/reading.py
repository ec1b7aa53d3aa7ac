"""Files to rows, in bounded memory: JSONL, CSV or Parquet, plain or gzipped.

    path ─ magic bytes ─▶ (gunzip) ─▶ JSONL: lines ─▶ values      a row is a Row: where it stood, its raw bytes, and
                                      CSV: records ─▶ cells        either its value (a dict) or why it is refused
                                      Parquet: batches ─▶ cells

What a file is, its bytes say first (gzip, Parquet) and its name second (.csv); everything else is JSONL. No row can
take its neighbours with it: what cannot be read is one refused row, and reading goes on behind it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from connectors import refusals
from connectors.canonical import parse
from connectors.gunzip import MAGIC, DamagedGzip, Gunzip
from warehouse_models.errors import TenureError

DEFAULT_MAX_ROW = 10_000_000
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


class Stream(Protocol):
    """What rows are read from: a file, or what gunzip makes of one."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""


class Unreadable(Exception):
    """The file cannot be read on from here: damaged compression, a broken header, not the format it claims."""


def max_row_bytes() -> int:
    """The size from which a row is refused: TENURE_MAX_ROW_BYTES or 10 MB. TenureError: it is no number."""
    said = os.environ.get("TENURE_MAX_ROW_BYTES") or str(DEFAULT_MAX_ROW)
    if not (said.isascii() and said.isdigit() and int(said)):
        why = f"{said!r} is not a whole number of bytes"
        raise TenureError("TENURE_MAX_ROW_BYTES", why, f"digits only, e.g. {DEFAULT_MAX_ROW}, or leave it unset")
    return int(said)


def file_sha(path: Path) -> str:
    """SHA-256 (hex) of the file's bytes as they lie on disk."""
    digest = sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_rows(path: Path, after: int = 0, limit: int | None = None) -> Iterator[Row]:
    """The rows of a file that end behind line `after`; Unreadable where it cannot be read to its end.

    Rows up to `after` come as well, without value and refusal: their number is all that a resumed landing needs.
    """
    limit = limit or max_row_bytes()
    with path.open("rb") as file:
        try:
            stream, packed, kind = _opened(path, file)
            if kind == "parquet":
                from connectors.reading_parquet import parquet_rows

                yield from parquet_rows(path, packed, after)
            elif kind == "csv":
                from connectors.reading_csv import csv_rows

                yield from csv_rows(stream, after, limit)
            else:
                yield from _json_rows(stream, after, limit)
        except DamagedGzip as error:
            raise Unreadable(f"the gzip data is damaged or cut off ({error})") from error
        except OSError as error:
            raise Unreadable(f"reading failed: {error.strerror or error}") from error


def is_table(path: Path) -> bool:
    """Whether the file's rows are flat: CSV or Parquet. A file that cannot be opened is not."""
    with path.open("rb") as file:
        try:
            return _opened(path, file)[2] != "jsonl"
        except (DamagedGzip, OSError):
            return False


def _opened(path: Path, file: BinaryIO) -> tuple[Stream, Gunzip | None, str]:
    """The stream of a file's plain bytes, the gunzip in between if there is one, and the kind of its rows."""
    head = file.read(4)
    file.seek(0)
    packed = Gunzip(file) if head.startswith(MAGIC) else None
    if packed is not None:
        head = packed.peek()[:4]
    if head == b"PAR1":
        return packed or file, packed, "parquet"
    is_csv = path.name.lower().removesuffix(".gz").endswith(".csv")
    return packed or file, packed, "csv" if is_csv else "jsonl"


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


def _json_rows(stream: Stream, after: int, limit: int) -> Iterator[Row]:
    for number, (raw, size) in enumerate(lines(stream, limit), 1):
        if number <= after:
            if size >= limit or raw.strip():
                yield Row(number, number, b"", size, None, None)
            continue
        if size >= limit:
            refusal = refusals.TOO_LONG.format(size=size, limit=limit)
            yield Row(number, number, raw, size, None, refusal)
            continue
        try:
            value = parse(raw)
        except ValueError:
            if raw.strip():
                yield Row(number, number, raw, size, None, why_not_json(raw))
            continue
        if value.__class__ is dict:
            yield Row(number, number, raw, size, value, None)
        else:
            yield Row(number, number, raw, size, None, refusals.NOT_AN_OBJECT)


def why_not_json(raw: bytes) -> str:
    """The first cause that explains why `raw` is no JSON text."""
    if b"\0" in raw:
        return refusals.NUL_BYTES
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return refusals.NOT_UTF8
    try:
        json.loads(text)
    except RecursionError:
        return refusals.TOO_DEEP
    except ValueError as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else "not JSON"
        return f"{refusals.NOT_JSON} ({detail})"
    # The standard library is laxer: it takes NaN, halves of surrogate pairs, a thousand levels.
    return refusals.NOT_JSON
