"""The journal: what the collector acknowledged and bronze does not hold yet, in files that one process writes.

    <home>/journal/<n>/  lock               held by the process that writes here (the kernel drops it when it ends)
                         <id>-<number>.open the segment that is written now
                         <id>-<number>.log  closed segments: the lander lands and deletes them
                         close              somebody asks the writer to close its segment

Each process that writes takes an id of its own and counts its segments: the lander's position in Delta is (id, number).
A counter on the disk would go back with the disk: a restored snapshot once more at number 7 would have its new segment
taken for the one that was landed. What was durable before a failure stays: a failed write is cut off again, a failed
fsync ends the segment where it was durable.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from connectors.collector.journal.frames import frame
from connectors.collector.journal.segments import ASKED, close_left, close_segment, lock
from warehouse_models.errors import TenureError
from warehouse_models.files import sync_folder

SEGMENT_BYTES = 32 * 1024 * 1024
_MOST_JOURNALS = 64


class NotWritable(Exception):
    """The journal could not keep the records: they are not acknowledged. The text says why."""


class Taken(TenureError):
    """Another process writes this journal."""


class Journal:
    """The one writer of a journal folder. Not for several threads at once; `group.py` puts them in a row."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Take the folder and mend what a crash left. Taken: another process has it; TenureError: it cannot."""
        self.folder, self.segment_bytes = folder, segment_bytes
        # In the order of time, so that old segments are landed first.
        self.id = f"{time.time_ns():016x}{secrets.token_hex(4)}"
        self._number = 0
        self._file: int | None = None
        self._path = folder
        self._durable = 0
        # Segments that could not be closed when they were full, and where they end.
        self._left: list[tuple[Path, int]] = []
        self._lock: int | None = None
        try:
            self._lock = lock(folder)
            if self._lock is None:
                raise Taken(f"journal {folder}", "another collector writes it", "stop that one")
            close_left(folder)
        except OSError as error:
            self.close()
            why = f"it cannot be read and written ({error.strerror})"
            raise TenureError(f"journal {folder}", why, "mend the disk, or its permissions") from error

    def append(self, payloads: Sequence[bytes]) -> None:
        """Write records (UTF-8 texts) and return when they are on the disk, all of them; NotWritable: none counts."""
        block = b"".join(map(frame, payloads))
        try:
            if self._file is None:
                self._open()
            assert self._file is not None
            _write_all(self._file, block)
        except OSError as error:
            self._cut()
            raise NotWritable(error.strerror or str(error)) from error
        try:
            os.fdatasync(self._file)
        except OSError as error:
            # The kernel may have dropped the pages and call the next fsync a success: nothing more into this file.
            self._cut()
            self._finish()
            raise NotWritable(error.strerror or str(error)) from error
        self._durable += len(block)
        if self._durable >= self.segment_bytes:
            self._finish()

    def close_if_asked(self) -> bool:
        """Close the segment where the lander asked for it (`ask_to_close`); whether it had. OSError: not yet."""
        asked = self.folder / ASKED
        if not asked.exists():
            return False
        self._finish()
        self._close_left()
        asked.unlink(missing_ok=True)
        return True

    def probe(self) -> None:
        """Write a small file to the disk and take it away; OSError where the disk takes none. Any thread may ask."""
        path = self.folder / "probe"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, b"0" * 4096)
            os.fsync(file)
        finally:
            os.close(file)
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the segment and give the folder back."""
        self._finish()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open(self) -> None:
        # Counted first: a number whose file could not be made is not given again.
        self._number += 1
        path = self.folder / f"{self.id}-{self._number:08d}.open"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # A file whose name is not on the disk is lost with the power, however often it is synced itself.
            sync_folder(self.folder)
        except OSError:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        self._file, self._path, self._durable = file, path, 0

    def _cut(self) -> None:
        """Take back what was written behind the durable end; where even that fails, the segment ends here."""
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._durable)
        except OSError:
            # The rest stands in the file unacknowledged; the client sends it again, and silver counts it once.
            self._finish()

    def _finish(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        with suppress(OSError):
            os.close(file)
        self._left.append((self._path, self._durable))
        with suppress(OSError):
            self._close_left()

    def _close_left(self) -> None:
        while self._left:
            close_segment(*self._left[0])
            self._left.pop(0)


def open_journal(root: Path) -> Journal:
    """The first journal below `root` that no process writes, made where there is none: one folder a collector.

    TenureError: it cannot be written, or too many collectors run.
    """
    for number in range(_MOST_JOURNALS):
        folder = root / str(number)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for above in (root, root.parent, root.parent.parent):
                sync_folder(above)
        except OSError as error:
            raise TenureError(f"journal {folder}", f"it cannot be made ({error.strerror})", "mend the disk") from error
        with suppress(Taken):
            return Journal(folder)
    raise TenureError(f"journals below {root}", f"{_MOST_JOURNALS} collectors write already", "stop some of them")


def _write_all(file: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        # The system may take less than it was given, the last bytes of a disk for instance.
        view = view[os.write(file, view) :]
