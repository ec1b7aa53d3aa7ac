"""Files with known good rows, mutated byte by byte: landing never fails, and no row pays for its neighbour.

A mutated file still holds some of the good lines as they were. Whatever stands around them, each of these is in bronze
exactly once; every line is accepted, a duplicate or in quarantine; and landing or replaying it again adds nothing. CI
runs a seeded slice; `TENURE_FUZZ_EXAMPLES=2000 pytest tests/connectors/files/test_fuzz_files.py` is the campaign.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from connectors.contracts.contract import contract_of
from connectors.contracts.times import now_micros
from connectors.files.formats import Unreadable
from connectors.files.reading import read_rows
from connectors.files.rows import HEAD, Row
from connectors.landing.land import land
from connectors.landing.replay import replay
from connectors.landing.report import FileReport
from connectors.landing.row_reader import RowReader
from tests.connectors.conftest import TABLES
from warehouse_models.catalog.tenants import Catalog, Tenant
from warehouse_models.lake.lake import Lake

pytestmark = pytest.mark.campaign


EXAMPLES = int(os.environ.get("TENURE_FUZZ_EXAMPLES", 0))
# A small limit, so that rows that are too long come up too.
LIMIT = 2_000
# What breaks readers, each as likely as any other; the first two decide over whole files, so they come most often.
TOKENS = (
    *(b'"', b'"', b'"', b"x" * 3_000, b"x" * 3_000),
    *(b"\n", b"\r\n", b"\r", b'""', b",", b"{", b"}", b"[", b"\\", b"\0", b"\xff", b"\xed\xa0\x80", b"\\ud800"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"PAR1", b"PK\x03\x04", b" ", b"\t", b"null", b"NaN", b"1e999"),
    *(b"9" * 400, b"[" * 1_100, b'{"type":"track"}', b'{"a":1,"a":2}', b"\xe2\x80\xa8", b"\x1a"),
)


@cache
def good_rows(object: str) -> tuple[dict[str, str], ...]:
    """Twelve rows that the contract takes, all different."""
    if object == "accounts":
        return tuple(
            {"account_id": f"a{n}", "name": f"Näme {n}", "updated_at": f"2024-03-{n + 1:02}"} for n in range(12)
        )
    return tuple(
        {
            "messageId": f"m{n}",
            "type": "track",
            "event": "Opened",
            "userId": f"ü{n}",
            "timestamp": f"2024-03-{n + 1:02}",
        }
        for n in range(12)
    )


@cache
def good_file(object: str, kind: str) -> tuple[bytes, bytes]:
    """(header, body) of a file of the good rows; without a header where the format has none."""
    rows = good_rows(object)
    if kind == "jsonl":
        return b"", b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    if kind == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        head, _, body = text.getvalue().partition("\n")
        return head.encode() + b"\n", body.encode()
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), sink, row_group_size=5)
    return b"", sink.getvalue()


@dataclass(frozen=True)
class Case:
    """A mutated file. `packed`: "" plain, "before" mutated as gzip, "after" mutated and then gzipped."""

    object: str
    kind: str
    packed: str
    header: bytes
    body: bytes
    header_is_whole: bool
    # How many bytes are read at once, and how many rows are committed at once: what a real file's size decides.
    block: int
    chunk: int

    @contextmanager
    def small(self) -> Iterator[None]:
        """Read and commit in pieces of this case's sizes."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("connectors.files.rows._BLOCK", self.block)
            patch.setattr("connectors.files.gunzip._BLOCK", self.block)
            patch.setattr("connectors.landing.file_landing.CHUNK_ROWS", self.chunk)
            yield

    @property
    def content(self) -> bytes:
        return self.header + self.body

    @property
    def is_by_line(self) -> bool:
        """Whether its lines can be told apart: not in Parquet, nor where the gzip itself was mutated."""
        return self.kind != "parquet" and self.packed != "before"

    def write(self, folder: Path) -> Path:
        path = folder / ("rows." + self.kind + (".gz" if self.packed else ""))
        path.write_bytes(gzip.compress(self.content, mtime=0) if self.packed == "after" else self.content)
        return path

    def untouched(self) -> set[bytes]:
        """The good lines that stand in the file as they were and that no quote of a mutated line encloses."""
        if not self.is_by_line or not self.header_is_whole:
            return set()
        good = set(good_file(self.object, self.kind)[1].splitlines())
        lines = self.body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        if self.kind == "jsonl":
            return good & set(lines)
        quoted = [number for number, line in enumerate(lines) if b'"' in line]
        first, last = (quoted[0], quoted[-1]) if quoted else (len(lines), -1)
        # Between two quotes a line may be part of a cell: nobody can know.
        return good & {line for number, line in enumerate(lines) if not first < number < last}


Operation = tuple[str, int, int, bytes]


def mutated(content: bytes, operations: list[Operation]) -> bytes:
    """`content` after each (what, where, how much, bytes)."""
    for what, where, much, token in operations:
        at = where % (len(content) + 1)
        if what == "insert":
            content = content[:at] + token + content[at:]
        elif what == "insert at a cell":
            # Where a cell or a line begins or ends: there a quote means something.
            borders = [number for number, byte in enumerate(content) if byte in b",\n"] or [0]
            border = borders[where % len(borders)] + much % 2
            content = content[:border] + token + content[border:]
        elif what == "flip" and content:
            at %= len(content)
            content = content[:at] + bytes([content[at] ^ (1 + much % 255)]) + content[at + 1 :]
        elif what == "delete":
            content = content[:at] + content[at + 1 + much % 200 :]
        elif what == "truncate":
            content = content[: max(at, 1)]
        elif what in ("repeat", "splice"):
            lines = content.split(b"\n")
            one, other = where % len(lines), much % len(lines)
            if what == "repeat":
                lines.insert(one, lines[other])
            else:
                lines[one] = lines[one][: len(lines[one]) // 2] + lines[other][len(lines[other]) // 2 :]
            content = b"\n".join(lines)
    return content


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["insert at a cell", "insert", "flip", "delete", "truncate", "repeat", "splice"]),
        st.integers(0, 100_000),
        st.integers(0, 100_000),
        st.one_of(st.sampled_from(TOKENS), st.binary(min_size=1, max_size=12)),
    ),
    min_size=1,
    max_size=5,
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    object = draw(st.sampled_from(["events", "accounts"]))
    kind = draw(st.sampled_from(["jsonl", "jsonl", "csv", "csv", "parquet"]))
    packed = draw(st.sampled_from(["", "", "", "after", "before"]))
    header, body = good_file(object, kind)
    whole = draw(st.integers(0, 7)) > 0
    if packed == "before":
        plain = header + body if kind == "parquet" else header + mutated(body, draw(OPERATIONS))
        header, body = b"", gzip.compress(plain, mtime=0)
    operations = draw(OPERATIONS)
    sizes = draw(st.sampled_from([1 << 20, 64, 7])), draw(st.sampled_from([65_536, 3]))
    if whole:
        return Case(object, kind, packed, header, mutated(body, operations), True, *sizes)
    return Case(object, kind, packed, b"", mutated(header + body, operations), header == b"", *sizes)


def lines_of(content: bytes) -> list[bytes]:
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return lines if lines[-1] else lines[:-1]


def check_lines(case: Case, rows: list[Row]) -> None:
    """Every line that is not blank, nor the header, belongs to exactly one row."""
    owned = Counter(number for row in rows for number in range(row.line, row.last_line + 1))
    assert not owned or max(owned.values()) == 1
    first = 1 if case.kind == "jsonl" else rows[0].line if rows and not case.header_is_whole else 2
    for number, line in enumerate(lines_of(case.content), 1):
        if number >= first and line.strip():
            assert owned[number] == 1, (number, line)


@settings(max_examples=EXAMPLES * 5 or 800, derandomize=not EXAMPLES, suppress_health_check=list(HealthCheck))
@given(cases())
def test_every_line_of_a_mutated_file_is_a_row_and_untouched_rows_are_read_as_they_were(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder, case.small():
        rows: list[Row] = []
        try:
            for row in read_rows(case.write(Path(folder)), limit=LIMIT):
                rows.append(row)
        except Unreadable as error:
            event(f"unreadable {case.kind}")
            assert str(error)
            return
    assert all((row.value is None) == bool(row.refusal) for row in rows)
    assert all(row.value is None and len(row.raw) <= HEAD for row in rows if row.size >= LIMIT)
    if case.is_by_line:
        check_lines(case, rows)
        taken = Counter(row.raw for row in rows if row.value is not None)
        assert all(taken[line] >= 1 for line in case.untouched())


class Lab:
    """A lake in which each case has a tenant of its own; a fresh one now and then, for a look-up reads every commit."""

    RENEW = 25

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self.duck = Lake().duck()

    def tenant(self) -> tuple[Lake, Catalog, Tenant, Path]:
        if self._count % self.RENEW == 0:
            self.lake = Lake(str(self._folder / f"lake{self._count}"))
            self.catalog = Catalog(self.lake)
        self._count += 1
        folder = self._folder / f"files{self._count}"
        folder.mkdir()
        return self.lake, self.catalog, self.catalog.add_tenant(f"t{self._count}"), folder

    def rows(self, address: str, tenant: str, columns: str) -> list[tuple[Any, ...]]:
        if self.lake.shard("pool").version(address) is None:
            return []
        table = self.lake.shard("pool").scan(address)
        result = self.duck.execute(f"SELECT {columns} FROM {table} WHERE tenant_id = ?", [tenant])
        return list(result.fetchall())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("fuzz")
        patch.setenv("TENURE_HOME", str(folder / "home"))
        patch.setenv("TENURE_MAX_ROW_BYTES", str(LIMIT))
        yield Lab(folder)


def shas(object: str, tenant: Tenant, kind: str, lines: set[bytes]) -> Counter[str]:
    """The content hashes that good lines have in bronze."""
    by_line = dict(zip(good_file(object, kind)[1].splitlines(), good_rows(object), strict=True))
    reader = RowReader(object, contract_of(object, tenant, now_micros(), now_micros()), None, kind)
    read = [reader.read(Row(1, 1, line, len(line), dict(by_line[line]), None)) for line in lines]
    return Counter(str(row[1]) for row in read)


@settings(max_examples=EXAMPLES or 60, derandomize=not EXAMPLES, suppress_health_check=list(HealthCheck))
@given(cases())
def test_a_mutated_file_lands_whole_or_says_why_not_and_no_row_pays_for_its_neighbour(lab: Lab, case: Case) -> None:
    lake, catalog, tenant, folder = lab.tenant()
    path = case.write(folder)

    def held() -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        bronze = lab.rows(TABLES[case.object], tenant.tenant_id, "payload_sha, line")
        refused = lab.rows("bronze/quarantine", tenant.tenant_id, "line, payload_sha, reason")
        return sorted(bronze), sorted(refused)

    def landed() -> FileReport:
        with case.small():
            return land(lake, catalog, tenant.tenant_id, case.object, [path]).files[0]

    report, (bronze, refused) = landed(), held()
    event(f"{case.kind} {case.packed}: {'complete' if report.error is None else 'stopped'}")
    conflicts = report.reasons.get("conflict", 0)
    assert len(bronze) == report.accepted + conflicts
    assert len({(line, sha) for line, sha, _ in refused}) == len(refused) == report.quarantined
    if report.error is None and case.is_by_line:
        there = Counter(sha for sha, _ in bronze)
        expected = shas(case.object, tenant, case.kind, case.untouched())
        assert {sha: there[sha] for sha in expected} == dict(expected)
        if case.kind == "jsonl":
            assert report.rows == sum(bool(line.strip()) for line in lines_of(case.content))
    if report.error is not None:
        # Only a file that is damaged or foreign as a whole may stop: never lines of text.
        assert case.packed == "before" or case.kind == "parquet" or not case.header_is_whole or starts_foreign(case)
    again = landed()
    assert again.accepted == 0 and again.rows == report.rows and (again.error is None) == (report.error is None)
    assert held() == (bronze, refused)
    # Nothing was mended, so a replay refuses what landing refused, for the same reasons.
    replayed = replay(lake, catalog, tenant.tenant_id)
    assert (replayed.accepted, replayed.duplicate) == (0, 0) and replayed.rows == len(refused)
    assert held() == (bronze, refused) and lab.rows("bronze/replays", tenant.tenant_id, "reason") == []


def starts_foreign(case: Case) -> bool:
    """Whether the file's first bytes, by chance, are those of another format."""
    return case.kind == "jsonl" and case.content[:2] in (b"\x1f\x8b", b"PA", b"PK", b"\xff\xfe", b"\xfe\xff")
