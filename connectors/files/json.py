"""JSONL to rows: one object a line, read by orjson; where it fails, the standard library says why."""

from __future__ import annotations

import json
from collections.abc import Iterator

from connectors.contracts import reasons
from connectors.contracts.canonical import parse
from connectors.files.formats import Stream
from connectors.files.rows import Row, lines


def json_rows(stream: Stream, after: int, limit: int) -> Iterator[Row]:
    """The rows of JSONL: one object a line; blank lines are no rows."""
    for number, (raw, size) in enumerate(lines(stream, limit), 1):
        if number <= after:
            if size >= limit or raw.strip():
                yield Row(number, number, b"", size, None, None)
            continue
        if size >= limit:
            refusal = reasons.TOO_LONG.format(size=size, limit=limit)
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
            yield Row(number, number, raw, size, None, reasons.NOT_AN_OBJECT)


def why_not_json(raw: bytes) -> str:
    """The first cause that explains why `raw` is no JSON text."""
    if b"\0" in raw:
        return reasons.NUL_BYTES
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return reasons.NOT_UTF8
    try:
        value = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        return reasons.TOO_DEEP
    except ValueError as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:60]
        return f"{reasons.NOT_JSON} ({detail})"
    # The standard library is laxer: it takes halves of surrogate pairs, numbers of any size, a thousand levels.
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return reasons.HALF_CHARACTER
    except (RecursionError, ValueError):
        return reasons.TOO_DEEP
    return f"{reasons.NOT_JSON} (a number is too large, or it is nested too deeply)"


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
