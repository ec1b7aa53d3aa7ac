"""CSV to rows: comma, double quotes, a header line, UTF-8 (RFC 4180), line feeds inside quotes allowed.

A quote that never closes would swallow every line behind it. So a record of several lines that does not fit the header
is refused by its first line alone, and reading starts again at its second.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Collection, Iterator

from connectors.contracts import reasons
from connectors.files.formats import Stream, Unreadable
from connectors.files.rows import Row, check_sources, lines

# Longer than any row may be, so that the module's own limit (131,072) never decides.
_FIELD_LIMIT = 1 << 30
# A cell of more lines than this is a quote that somebody forgot.
_MAX_LINES = 10_000
MAX_COLUMNS = 10_000


class _TooLong(Exception):
    pass


class _Feed:
    """Physical lines for csv.reader, remembering which ones the record at hand took; they can be given back."""

    def __init__(self, stream: Stream, limit: int) -> None:
        self._source = lines(stream, limit)
        self._returned: deque[tuple[int, bytes, int]] = deque()
        self._number, self._size, self._limit = 0, 0, limit
        self.taken: list[tuple[int, bytes, int]] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self._returned:
            line = self._returned.popleft()
        else:
            raw, size = next(self._source)
            self._number += 1
            line = (self._number, raw, size)
        self.taken.append(line)
        self._size += line[2]
        if self._size >= self._limit or len(self.taken) > _MAX_LINES:
            raise _TooLong
        # Bytes that are not UTF-8 travel as surrogates through the reader and are found again in their cell.
        return line[1].decode("utf-8", "surrogateescape") + "\n"

    def start(self) -> None:
        """The next line begins a record."""
        self.taken, self._size = [], 0

    def give_back(self) -> None:
        """All lines of the record but the first go back, to be read as records of their own."""
        self._returned.extendleft(reversed(self.taken[1:]))
        self.taken = self.taken[:1]


def csv_rows(stream: Stream, after: int, limit: int, sources: Collection[str] = ()) -> Iterator[Row]:
    """The rows of a CSV file; empty cells are absent, all values are text.

    Unreadable for a header nobody can use, or one without the columns `sources`.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    feed = _Feed(stream, limit)
    reader = csv.reader(feed, strict=True)
    header = _header(feed, reader)
    if header is None:
        return
    check_sources(sources, header)
    while True:
        feed.start()
        cells: list[str] | None
        refusal = reasons.BROKEN_QUOTES
        try:
            cells = next(reader)
        except StopIteration:
            if not feed.taken:
                return
            cells = None
        except _TooLong:
            cells = None
            if len(feed.taken) == 1:
                refusal = reasons.TOO_LONG.format(size=feed.taken[0][2], limit=limit)
        except csv.Error as error:
            cells = None
            if str(error).startswith("new-line character"):
                refusal = reasons.BARE_CR
        if cells is not None and len(cells) != len(header):
            if not cells or (len(feed.taken) == 1 and not feed.taken[0][1].strip()):
                continue
            refusal = reasons.WRONG_COLUMNS.format(found=len(cells), wanted=len(header))
            cells = None
        if cells is None and len(feed.taken) > 1:
            feed.give_back()
            refusal = reasons.BROKEN_QUOTES
        first, last = feed.taken[0][0], feed.taken[-1][0]
        raw = feed.taken[0][1] if len(feed.taken) == 1 else b"\n".join(part for _, part, _ in feed.taken)
        size = sum(part for _, _, part in feed.taken) + len(feed.taken) - 1
        if last <= after:
            yield Row(first, last, b"", size, None, None)
        elif b"\0" in raw:
            yield Row(first, last, raw, size, None, reasons.NUL_BYTES)
        elif cells is None:
            yield Row(first, last, raw, size, None, refusal)
        else:
            yield _row(first, last, raw, size, header, cells)


def csv_header(stream: Stream, limit: int) -> list[str]:
    """The column names of a CSV file; none for an empty one. Raises as csv_rows."""
    csv.field_size_limit(_FIELD_LIMIT)
    feed = _Feed(stream, limit)
    return _header(feed, csv.reader(feed, strict=True)) or []


def _header(feed: _Feed, reader: Iterator[list[str]]) -> list[str] | None:
    try:
        names = [name.strip() for name in next(reader)]
    except StopIteration:
        return None
    except (csv.Error, _TooLong) as error:
        raise Unreadable(f"the header line cannot be read ({error or 'it is too long'})") from error
    if not all(_is_text(name) and name and "\0" not in name for name in names):
        raise Unreadable("the header line has an empty or unreadable column name")
    if len(names) > MAX_COLUMNS:
        raise Unreadable(f"the header names {len(names):,} columns; at most {MAX_COLUMNS:,} can be read")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise Unreadable(f"the header names a column twice: {', '.join(twice)}")
    return names


def _row(first: int, last: int, raw: bytes, size: int, header: list[str], cells: list[str]) -> Row:
    value = {}
    for name, cell in zip(header, cells, strict=True):
        if cell:
            if not _is_text(cell):
                refusal = reasons.NOT_UTF8_CELL.format(column=name)
                return Row(first, last, raw, size, None, refusal)
            value[name] = cell
    return Row(first, last, raw, size, value, None)


def _is_text(cell: str) -> bool:
    if cell.isascii():
        return True
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True
