"""The journal: what it acknowledged is there, whatever tore, flipped, filled or died."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.collector.journal.frames import MAGIC, Damage, frame, read_frames, torn_at
from connectors.collector.journal.group import GroupCommit
from connectors.collector.journal.journal import Journal, NotWritable, Taken, open_journal
from connectors.collector.journal.segments import ask_to_close, closed_segments, lock

ROOT = Path(__file__).resolve().parents[4]
PAYLOADS = [b'{"n":%d,"text":"%s"}' % (n, b"x" * (n * 7 % 50)) for n in range(12)]
TEXTS = st.lists(st.text(max_size=40).map(str.encode), min_size=1, max_size=6)


def landed(folder: Path) -> list[bytes]:
    """All records of the closed segments; damage would be none of them."""
    entries = [each for *_, path in closed_segments(folder) for each in read_frames(path.read_bytes())]
    assert not any(isinstance(each, Damage) for each in entries)
    return [each for each in entries if isinstance(each, bytes)]


def test_a_tail_torn_at_any_byte_is_cut_and_nothing_before_it_is_lost(tmp_path: Path) -> None:
    whole = b"".join(map(frame, PAYLOADS))
    ends = [sum(len(frame(p)) for p in PAYLOADS[:count]) for count in range(len(PAYLOADS) + 1)]
    for size in range(len(whole) + 1):
        kept = sum(end <= size for end in ends) - 1
        assert torn_at(whole[:size]) == ends[kept]
    for number, size in enumerate(range(ends[-2], len(whole) + 1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "abc-000000000007.open").write_bytes(whole[:size])
        Journal(folder).close()
        assert landed(folder) == PAYLOADS[: len(PAYLOADS) - (size < len(whole))]


@given(TEXTS, st.data())
def test_a_flipped_byte_costs_the_record_it_lies_in_and_no_other(payloads: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(map(frame, payloads)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    struck, end = 0, len(frame(payloads[0]))
    while at >= end:
        struck += 1
        end += len(frame(payloads[struck]))
    entries = list(read_frames(bytes(whole)))
    assert [each for each in entries if isinstance(each, bytes)] == payloads[:struck] + payloads[struck + 1 :]
    damage = [each for each in entries if isinstance(each, Damage)]
    assert damage == [Damage(end - len(frame(payloads[struck])), len(frame(payloads[struck])))]


@given(TEXTS, st.binary(max_size=60), TEXTS)
def test_any_garbage_in_between_is_named_and_the_records_around_it_stay(
    before: list[bytes], garbage: bytes, behind: list[bytes]
) -> None:
    entries = list(read_frames(b"".join(map(frame, before)) + garbage + b"".join(map(frame, behind))))
    payloads = [each for each in entries if isinstance(each, bytes)]
    assert payloads[: len(before)] == before and payloads[len(payloads) - len(behind) :] == behind
    assert sum(each.size for each in entries if isinstance(each, Damage)) <= len(garbage)


def test_no_text_can_pretend_to_be_a_record() -> None:
    with pytest.raises(UnicodeDecodeError):
        MAGIC.decode()


def test_segments_close_by_size_and_no_two_have_one_name_also_where_the_disk_went_back(tmp_path: Path) -> None:
    names: list[str] = []
    for _ in range(3):
        journal = Journal(tmp_path, segment_bytes=100)
        for payload in PAYLOADS:
            journal.append([payload])
        journal.close()
        assert landed(tmp_path) == PAYLOADS
        # All landed and deleted, which is all that a restored snapshot could have forgotten.
        for *_, path in closed_segments(tmp_path):
            names.append(path.name)
            path.unlink()
    assert len(names) > 9 and len(names) == len(set(names))


def test_segments_behind_one_that_could_not_be_closed_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, segment_bytes=10)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", broken)
        journal.append([b"first"])
    assert len(list(tmp_path.glob("*.open"))) == 1
    (tmp_path / f"{journal.id}-00000002.log").write_bytes(frame(b"as if it had been closed"))
    assert closed_segments(tmp_path) == []
    ask_to_close(tmp_path)
    assert journal.close_if_asked()
    assert landed(tmp_path) == [b"first", b"as if it had been closed"]


def test_a_segment_whose_new_name_could_not_be_synced_holds_up_none_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, segment_bytes=1)
    with monkeypatch.context() as patch:
        syncs = iter((None, OSError(errno.EIO, "the second sync fails: the one behind the rename")))

        def failing(folder: Path) -> None:
            if (error := next(syncs)) is not None:
                raise error

        for module in ("journal", "segments"):
            patch.setattr(f"connectors.collector.journal.{module}.sync_folder", failing)
        journal.append(PAYLOADS[:1])
    journal.append(PAYLOADS[1:2])
    assert landed(tmp_path) == PAYLOADS[:2]
    # The lander drops what is closed, whatever the writer thinks of it.
    for *_, path in closed_segments(tmp_path):
        path.unlink()
    ask_to_close(tmp_path)
    assert journal.close_if_asked() and not list(tmp_path.glob("*.open"))


def test_one_process_writes_a_journal_and_the_next_takes_the_next(tmp_path: Path) -> None:
    first = open_journal(tmp_path)
    second = open_journal(tmp_path)
    assert (first.folder.name, second.folder.name) == ("0", "1")
    with pytest.raises(Taken):
        Journal(first.folder)
    first.close()
    assert open_journal(tmp_path).folder == first.folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB: where it cannot be mounted, the test says so."""
    folder = tmp_path / "disk"
    folder.mkdir()
    process = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, text=True
    )
    if process.returncode:
        pytest.skip(f"no file system of its own can be mounted here: {process.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_refuses_and_what_was_acknowledged_stays_and_space_mends_it(small_disk: Path) -> None:
    journal = Journal(small_disk)
    kept: list[bytes] = []
    for n in range(100):
        payload = b"%03d" % n + b"x" * 10_000
        try:
            journal.append([payload])
            kept.append(payload)
        except NotWritable as error:
            assert os.strerror(errno.ENOSPC) in str(error)
    assert 5 < len(kept) < 30
    for path in small_disk.glob("*.log"):  # the lander's work: none here, for the one segment is still open
        path.unlink()
    journal.append([b"small"])
    journal.close()
    assert landed(small_disk) == [*kept, b"small"]


@pytest.mark.parametrize("call", ["write", "fdatasync", "ftruncate", "fsync", "rename"])
def test_a_failing_disk_loses_nothing_acknowledged_and_takes_nothing_it_did_not_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real = {name: getattr(os, name) for name in ("write", "fdatasync", "ftruncate", "fsync", "rename")}
    chance = random.Random(call)

    def failing(*arguments: object, **named: object) -> object:
        if call == "ftruncate" or chance.random() < 0.2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real[call](*arguments, **named)

    def short(file: int, block: bytes) -> int:
        if chance.random() < 0.1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return int(real["write"](file, bytes(block)[: max(1, len(block) // 2)]))

    journal = Journal(tmp_path, segment_bytes=200)
    monkeypatch.setattr(os, call, short if call == "write" else failing)
    if call == "ftruncate":
        monkeypatch.setattr(os, "write", short)
    kept, refused = [], []
    for payload in (b"%d " % number + PAYLOADS[number % 12] for number in range(60)):
        try:
            journal.append([payload])
            kept.append(payload)
        except NotWritable:
            refused.append(payload)
    journal.close()
    monkeypatch.undo()
    Journal(tmp_path).close()
    records = landed(tmp_path)
    # A refused record may be there where even the cut failed; then the client's repetition is one copy more.
    assert [each for each in records if each in kept] == kept and len(kept) > 10
    assert refused or call == "rename"
    if call in ("write", "fdatasync"):
        assert records == kept


_WRITER = """
import sys
from pathlib import Path
from connectors.collector.journal.journal import Journal
journal = Journal(Path(sys.argv[1]), segment_bytes=5_000)
number = 0
while True:
    journal.append([b"%d:" % number + b"y" * 90, b"%d." % number])
    print(number, flush=True)
    number += 1
"""


def test_a_writer_killed_anywhere_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    for seed in range(4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, env=os.environ
        )
        assert writer.stdout is not None
        for _ in range(40 + 37 * seed):
            last = writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        numbers = (last + writer.stdout.read()).decode().split()
        writer.wait()
        Journal(folder).close()
        records = landed(folder)
        assert [f"{n}.".encode() for n in range(int(numbers[-1]) + 1)] == records[1::2][: int(numbers[-1]) + 1]
        assert len(records) - 2 * (int(numbers[-1]) + 1) in (0, 1, 2)


def test_many_requests_share_an_fsync_and_each_is_on_the_disk_when_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = 0
    real = os.fdatasync

    def counted(file: int) -> None:
        nonlocal syncs
        syncs += 1
        real(file)

    monkeypatch.setattr(os, "fdatasync", counted)

    async def go() -> None:
        group = GroupCommit(Journal(tmp_path))

        async def one(number: int) -> None:
            payload = b"number %d" % number
            await group.append(payload)
            assert payload in next(tmp_path.glob("*.open")).read_bytes()

        await asyncio.gather(*(one(number) for number in range(500)))
        await group.close()

    asyncio.run(go())
    assert len(landed(tmp_path)) == 500 and syncs < 100


def test_a_group_that_cannot_be_kept_refuses_each_of_its_requests_and_the_next_is_tried_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def go() -> list[object]:
        group = GroupCommit(Journal(tmp_path))
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            outcomes = await asyncio.gather(*(group.append(b"%d" % n) for n in range(9)), return_exceptions=True)
        await group.append(b"fits")
        await group.close()
        return outcomes

    assert all(isinstance(each, NotWritable) for each in asyncio.run(go()))
    assert landed(tmp_path) == [b"fits"]


@settings(max_examples=30)
@given(st.lists(TEXTS, max_size=5), st.integers(20, 300))
def test_what_is_written_is_read_again_over_restarts(groups: list[list[bytes]], segment_bytes: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        for group in groups:
            journal = Journal(Path(name), segment_bytes=segment_bytes)
            journal.append(group)
            journal.close()
        assert landed(Path(name)) == [payload for group in groups for payload in group]
        held = lock(Path(name))
        assert held is not None
        os.close(held)
