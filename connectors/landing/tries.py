"""The rows that a replay tries: each refused row as it was kept, or as a corrected file has it now."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO, StringIO
from itertools import groupby
from pathlib import Path
from typing import Any

from connectors.contracts.canonical import parse, sha_hex
from connectors.contracts.reasons import CONFLICT
from connectors.files.csv import csv_rows
from connectors.files.formats import Unreadable
from connectors.files.json import json_rows
from connectors.files.reading import kind_of, read_rows
from connectors.files.rows import HEAD, Row, max_row_bytes
from connectors.landing.open_rows import QuarantinedRow
from connectors.landing.report import ReplayReport
from connectors.landing.row_reader import How
from warehouse_models.catalog.tenants import Tenant
from warehouse_models.objects.every import all_objects
from warehouse_models.policies.quotas import effective_quotas


class Kept(Exception):
    """The row stays as it is: it cannot be tried."""


@dataclass
class Try:
    """A refused row, and the row that is tried in its place; `is_same` where that is the very row that was refused."""

    refusal: QuarantinedRow
    row: Row
    kind: str
    is_same: bool
    good: tuple[Any, ...] = ()
    outcome: str = ""
    reason: str | None = None


def stored(refusals: Iterable[QuarantinedRow], report: ReplayReport) -> Iterator[Try]:
    """Each row as the quarantine holds it."""
    for refusal in refusals:
        try:
            _check(refusal)
            how = refusal.how
            if how is None:
                raise Kept("it was refused before Tenure kept how a file was read; name its file with --from")
            if not refusal.is_whole:
                raise Kept("too little of the row is kept to read it again; name its file with --from")
            yield Try(refusal, _row_of(refusal, how), how.format, is_same=True)
        except Kept as why:
            report.keep(str(why))


def _check(refusal: QuarantinedRow) -> None:
    if refusal.object not in all_objects():
        # Its signature was over the bytes that are kept, and no map makes another body of them.
        raise Kept("it is a webhook's delivery that is no event; the vendor can send it again")
    if refusal.code == CONFLICT.partition(":")[0]:
        raise Kept("both rows are in bronze and contradict each other; a later version, or --complete, settles it")


def _row_of(refusal: QuarantinedRow, how: How) -> Row:
    """The kept bytes as a row of the format they came in, at the line they stood at."""
    raw, limit = refusal.raw, max_row_bytes()
    if how.format == "parquet":
        return Row(refusal.line, refusal.line, raw, len(raw), parse(raw), None)
    if how.format == "csv":
        head = StringIO()
        csv.writer(head, lineterminator="\n").writerow(how.header)
        rows = list(csv_rows(BytesIO(head.getvalue().encode() + raw), 0, limit))
    else:
        rows = list(json_rows(BytesIO(raw), 0, limit))
    if len(rows) != 1:
        raise Kept("it is not one row by itself; name its file with --from")
    return rows[0]._replace(line=refusal.line, last_line=refusal.line, raw=raw, size=refusal.size)


def corrected(
    path: Path, tenant: Tenant, refusals: Iterable[QuarantinedRow], sources: Collection[str], report: ReplayReport
) -> Iterator[Try]:
    """The rows that the file has at the lines of the refused ones; of several at one line it corrects the newest."""
    ordered = sorted(refusals, key=lambda one: (one.line, -one.landed_at.timestamp()))
    if not ordered:
        return
    waiting = {line: list(rows) for line, rows in groupby(ordered, key=lambda one: one.line)}
    most, kind = effective_quotas(tenant.quotas)["max_file_bytes"], kind_of(path)
    try:
        for row in read_rows(path, 0, max_row_bytes(), most, sources):
            for number, refusal in enumerate(waiting.pop(row.line, ())):
                is_same = sha_hex(row.raw[:HEAD]) == refusal.sha
                try:
                    _check(refusal)
                    if number and not is_same:
                        raise Kept("another row was refused at this line since; the file corrects that one")
                    yield Try(refusal, row, kind, is_same)
                except Kept as why:
                    report.keep(str(why))
    except (Unreadable, OSError) as error:
        report.error = f"{path}: {error}"
        return
    for rows in waiting.values():
        report.keep("the file has no row that starts at this line", len(rows))
