"""Parquet to rows: every value becomes the JSON value that a JSONL file would hold."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors import refusals
from connectors.canonical import TooDeep, canonical
from connectors.gunzip import Gunzip
from connectors.reading import Row, Unreadable
from warehouse_models.home import scratch

_BATCH = 4_096


class _NotText(ValueError):
    pass


def parquet_rows(path: Path, packed: Gunzip | None, after: int) -> Iterator[Row]:
    """The rows of a Parquet file, numbered from 1. `packed` is its stream where the file itself is gzipped."""
    if packed is None:
        yield from _rows(path, after)
        return
    # Parquet is read from its end, a gzip stream from its beginning: unpack it first, on disk.
    with tempfile.NamedTemporaryFile(dir=scratch(), suffix=".parquet") as unpacked:
        while block := packed.read(1 << 20):
            unpacked.write(block)
        unpacked.flush()
        yield from _rows(Path(unpacked.name), after)


def _rows(path: Path, after: int) -> Iterator[Row]:
    number = 0
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise Unreadable(f"the Parquet file names a column twice: {', '.join(twice)}")
        for batch in file.iter_batches(batch_size=_BATCH):
            if number + batch.num_rows <= after:
                yield from (Row(number + n, number + n, b"", 0, None, None) for n in range(1, batch.num_rows + 1))
                number += batch.num_rows
                continue
            for cells in _microseconds(batch).to_pylist():
                number += 1
                yield Row(number, number, b"", 0, None, None) if number <= after else _row(number, cells)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unreadable(f"the Parquet data is damaged or of a kind we cannot read ({str(error)[:200]})") from error


def _microseconds(batch: pa.RecordBatch) -> pa.Table:
    """Nanoseconds have no Python value; digits below a microsecond are cut off, as in text."""
    table = pa.Table.from_batches([batch])
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            column = table.column(index).cast(pa.timestamp("us", tz=field.type.tz), safe=False)
            table = table.set_column(index, field.name, column)
    return table


def _row(number: int, cells: dict[str, Any]) -> Row:
    value: dict[str, Any] = {}
    for name, cell in cells.items():
        try:
            plain = _plain(cell)
        except _NotText:
            refusal = refusals.NOT_UTF8_CELL.format(column=name)
            return Row(number, number, repr(cells).encode("utf-8", "replace"), 0, None, refusal)
        if plain is not None:
            value[name] = plain
    try:
        raw = canonical(value)
    except TooDeep:
        return Row(number, number, repr(cells).encode("utf-8", "replace"), 0, None, refusals.TOO_DEEP)
    return Row(number, number, raw, len(raw), value, None)


def _plain(cell: Any) -> Any:
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
