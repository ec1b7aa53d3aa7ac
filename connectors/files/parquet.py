"""Parquet to rows: every value becomes the JSON value that a JSONL file would hold."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.contracts import reasons
from connectors.contracts.canonical import TooDeep, canonical
from connectors.files.formats import Stream, Unreadable
from connectors.files.rows import HEAD, Row, check_sources
from warehouse_models.home import scratch

# Rows of 10 MB are allowed, and a dictionary holds in a few bytes what is as large in every row: 1.3 GB at most.
_BATCH = 128
MAX_COLUMNS = 10_000


class _NotText(ValueError):
    pass


def parquet_rows(
    path: Path, packed: Stream | None, after: int, limit: int, sources: Collection[str] = ()
) -> Iterator[Row]:
    """The rows of a Parquet file, numbered from 1. `packed` is its stream where the file itself is gzipped."""
    if packed is None:
        yield from _rows(path, after, limit, sources)
        return
    # Parquet is read from its end, a gzip stream from its beginning: unpack it first, on disk.
    with tempfile.NamedTemporaryFile(dir=scratch(), suffix=".parquet") as unpacked:
        while block := packed.read(1 << 20):
            unpacked.write(block)
        unpacked.flush()
        yield from _rows(Path(unpacked.name), after, limit, sources)


def _rows(path: Path, after: int, limit: int, sources: Collection[str]) -> Iterator[Row]:
    number = 0
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        if twice := sorted(name for name, count in Counter(names).items() if count > 1):
            raise Unreadable(f"the Parquet file names a column twice: {', '.join(twice)}")
        if len(names) > MAX_COLUMNS:
            raise Unreadable(f"the Parquet file has {len(names):,} columns; at most {MAX_COLUMNS:,} can be read")
        check_sources(sources, names)
        for batch in file.iter_batches(batch_size=_BATCH):
            if number + batch.num_rows <= after:
                yield from (Row(number + n, number + n, b"", 0, None, None) for n in range(1, batch.num_rows + 1))
                number += batch.num_rows
                continue
            for cells in _python(batch):
                number += 1
                if number <= after:
                    yield Row(number, number, b"", 0, None, None)
                else:
                    yield _row(number, cells, limit)
    # Damaged bytes reach Arrow as sizes and types of any kind; what it makes of them is not only its own errors.
    except (pa.ArrowException, OSError, ValueError, LookupError, ArithmeticError, MemoryError, TypeError) as error:
        raise Unreadable(f"the Parquet data is damaged or of a kind we cannot read ({str(error)[:200]})") from error


class _NoValue:
    """A cell that Python cannot hold (a date in the year 300,000, a time zone nobody knows, bytes that are no text)."""

    def __init__(self, error: Exception) -> None:
        self.error = _NotText() if isinstance(error, UnicodeDecodeError) else ValueError(str(error)[:80])

    def __repr__(self) -> str:
        return "?"


def _python(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows of a batch as Python values; a cell that has none costs its own row only."""
    table = _microseconds(batch)
    try:
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows
    except (ValueError, LookupError, ArithmeticError, TypeError, pa.ArrowException):
        columns = [[_cell(value) for value in column] for column in table.columns]
        return [dict(zip(table.column_names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _cell(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (ValueError, LookupError, ArithmeticError, TypeError, pa.ArrowException) as error:
        return _NoValue(error)


def _microseconds(batch: pa.RecordBatch) -> pa.Table:
    """Nanoseconds have no Python value; digits below a microsecond are cut off, as in text."""
    table = pa.Table.from_batches([batch])
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            column = table.column(index).cast(pa.timestamp("us", tz=field.type.tz), safe=False)
            table = table.set_column(index, field.name, column)
    return table


def _row(number: int, cells: dict[str, Any], limit: int) -> Row:
    value: dict[str, Any] = {}
    for name, cell in cells.items():
        try:
            plain = _plain(cell)
        except _NotText:
            return _refused(number, cells, reasons.NOT_UTF8_CELL.format(column=name))
        except (ValueError, ArithmeticError) as error:
            why = str(error)[:80] or type(error).__name__
            return _refused(number, cells, reasons.UNREADABLE_CELL.format(column=name, why=why))
        if plain is not None:
            value[name] = plain
    try:
        raw = canonical(value)
    except TooDeep:
        return _refused(number, cells, reasons.TOO_DEEP)
    if len(raw) >= limit:
        refusal = reasons.TOO_LONG.format(size=len(raw), limit=limit)
        return Row(number, number, raw[:HEAD], len(raw), None, refusal)
    return Row(number, number, raw, len(raw), value, None)


def _refused(number: int, cells: dict[str, Any], refusal: str) -> Row:
    """A row that has no JSON: what is kept is how Python shows it, and its size of 0 says that it is not the row."""
    return Row(number, number, repr(cells).encode("utf-8", "replace"), 0, None, refusal)


def _plain(cell: Any) -> Any:
    if isinstance(cell, _NoValue):
        raise cell.error
    if cell is None or isinstance(cell, str | bool | int):
        return cell
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, Decimal | timedelta):
        return str(cell)
    if isinstance(cell, bytes):
        try:
            return cell.decode()
        except UnicodeDecodeError as error:
            raise _NotText from error
    if isinstance(cell, dict):
        return {name: _plain(inner) for name, inner in cell.items()}
    if isinstance(cell, list):
        if cell and all(isinstance(pair, tuple) and len(pair) == 2 for pair in cell):
            return {str(name): _plain(inner) for name, inner in cell}
        return [_plain(inner) for inner in cell]
    return str(cell)
