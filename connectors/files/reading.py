"""Files to rows, in bounded memory: JSONL, CSV or Parquet, plain or gzipped.

    path ─ magic bytes ─▶ (gunzip) ─▶ JSONL: lines ─▶ values      a row is a Row: where it stood, its raw bytes, and
                                      CSV: records ─▶ cells        either its value (a dict) or why it is refused
                                      Parquet: batches ─▶ cells

What a file is, `formats` says. No row can take its neighbours with it: what cannot be read is one refused row, and
reading goes on behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path

from connectors.files.csv import csv_header, csv_rows
from connectors.files.formats import Bounded, Unreadable, opened
from connectors.files.gunzip import DamagedGzip
from connectors.files.json import json_rows
from connectors.files.parquet import parquet_rows
from connectors.files.rows import Row, max_row_bytes
from warehouse_models.policies.quotas import DEFAULTS

_BLOCK = 1 << 20


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
                yield from parquet_rows(path, None if packed is None else stream, after, limit, sources)
            elif kind == "csv":
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
    with path.open("rb") as file:
        try:
            return csv_header(opened(path, file)[0], limit)
        except (DamagedGzip, Unreadable, OSError):
            return []
