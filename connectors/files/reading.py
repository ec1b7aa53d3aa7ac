"""Files to rows, in bounded memory: JSONL, CSV or Parquet, plain or gzipped.

    path ─ magic bytes ─▶ (gunzip) ─▶ JSONL: lines ─▶ values      a row is a Row: where it stood, its raw bytes, and
                                      CSV: records ─▶ cells        either its value (a dict) or why it is refused
                                      Parquet: batches ─▶ cells

What a file is, `formats` says. No row can take its neighbours with it: what cannot be read is one refused row, and
reading goes on behind it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from connectors.contracts import refusals
from connectors.contracts.canonical import parse
from connectors.files.formats import Bounded, Stream, Unreadable, opened
from connectors.files.gunzip import DamagedGzip
from warehouse_models.errors import TenureError
from warehouse_models.policies.quotas import DEFAULTS

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


def read_rows(
    path: Path,
    after: int = 0,
    limit: int | None = None,
    most_bytes: int = DEFAULTS["max_file_bytes"],
    sources: Collection[str] = (),
) -> Iterator[Row]:
    """The rows of a file that end behind line `after`; Unreadable where it cannot be read to its end.

    Rows up to `after` come as well, without value and refusal: their number is all that a resumed landing needs.
    `limit` is the size from which a row is refused, `most_bytes` the most that the file may unpack to, `sources` the
    columns (dots reach into objects) that a table file must have.
    """
    limit = limit or max_row_bytes()
    with path.open("rb") as file:
        try:
            stream, packed, kind = opened(path, file)
            if packed is None and (size := path.stat().st_size) > most_bytes:
                raise Unreadable(f"it has {size:,} bytes, more than the tenant's quota max_file_bytes ({most_bytes:,})")
            stream = Bounded(stream, most_bytes)
            if kind == "parquet":
                from connectors.files.parquet import parquet_rows

                yield from parquet_rows(path, None if packed is None else stream, after, limit, sources)
            elif kind == "csv":
                from connectors.files.csv import csv_rows

                yield from csv_rows(stream, after, limit, sources)
            else:
                yield from json_rows(stream, after, limit)
        except DamagedGzip as error:
            raise Unreadable(f"the gzip data is damaged or cut off ({error})") from error
        except OSError as error:
            raise Unreadable(f"reading failed: {error.strerror or error}") from error


def kind_of(path: Path) -> str:
    """parquet, csv or jsonl; jsonl for a file that cannot be opened as any."""
    with path.open("rb") as file:
        try:
            return opened(path, file)[2]
        except (DamagedGzip, Unreadable, OSError):
            return "jsonl"


def csv_header_of(path: Path, limit: int) -> list[str]:
    """The column names of a CSV file; none where they cannot be read."""
    from connectors.files.csv import csv_header

    with path.open("rb") as file:
        try:
            return csv_header(opened(path, file)[0], limit)
        except (DamagedGzip, Unreadable, OSError):
            return []


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


def json_rows(stream: Stream, after: int, limit: int) -> Iterator[Row]:
    """The rows of JSONL: one object a line; blank lines are no rows."""
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
        value = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        return refusals.TOO_DEEP
    except ValueError as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:60]
        return f"{refusals.NOT_JSON} ({detail})"
    # The standard library is laxer: it takes halves of surrogate pairs, numbers of any size, a thousand levels.
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return refusals.HALF_CHARACTER
    except (RecursionError, ValueError):
        return refusals.TOO_DEEP
    return f"{refusals.NOT_JSON} (a number is too large, or it is nested too deeply)"


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
