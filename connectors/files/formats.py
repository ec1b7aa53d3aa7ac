"""What a file is: its first bytes say so (gzip, Parquet, and what we cannot read), else its name (.csv); else JSONL."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

from connectors.files.gunzip import MAGIC, Gunzip

# None of them can begin a line of JSON or CSV in UTF-8, so no text file is taken for one.
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive (Excel workbooks are one): unpack it, or save the sheet as CSV in UTF-8",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it (zstd -d), or pack it with gzip",
    b"\xfd7zXZ\x00": "compressed with xz: unpack it (xz -d), or pack it with gzip",
    b"BZh91AY&SY": "compressed with bzip2: unpack it (bzip2 -d), or pack it with gzip",
    b"Obj\x01": "an Avro file: export it as JSONL, CSV or Parquet",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Excel workbook: save the sheet as CSV in UTF-8",
}
_UTF16 = "text in UTF-16: write it as UTF-8 (iconv -f UTF-16 -t UTF-8)"
_LONGEST = 10


class Stream(Protocol):
    """What rows are read from: a file, or what gunzip makes of one."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""


class Unreadable(Exception):
    """The file cannot be read on from here: damaged compression, a broken header, not the format it claims."""


def too_much(most: int, things: str, quota: str) -> Unreadable:
    """What to raise where a file has more than the tenant's quota lets it have."""
    return Unreadable(
        f"it has more than {most:,} {things}, the tenant's quota {quota}; what came before is landed, and landing it"
        f" again after raising the quota goes on from there (tenure tenant set TENANT {quota}=N)"
    )


class Bounded:
    """A stream that may give so many bytes and no more: a small gzip file can unpack to a thousand times its size."""

    def __init__(self, stream: Stream, most: int) -> None:
        self._stream, self._most, self._left = stream, most, most

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; Unreadable once there are more than allowed, after all that is allowed was read."""
        if self._left <= 0 and self._stream.read(1):
            raise too_much(self._most, "bytes (unpacked)", "max_file_bytes")
        block = self._stream.read(min(size, max(self._left, 1)))
        self._left -= len(block)
        return block


def opened(path: Path, file: BinaryIO) -> tuple[Stream, Gunzip | None, str]:
    """The stream of a file's plain bytes, the gunzip in between if there is one, and the kind: parquet, csv, jsonl.

    Unreadable names a format that cannot be landed; DamagedGzip where not even the first bytes can be unpacked.
    """
    head = file.read(_LONGEST)
    file.seek(0)
    packed = Gunzip(file) if head.startswith(MAGIC) else None
    if packed is not None:
        head = packed.peek()[:_LONGEST]
    if head.startswith(b"PAR1"):
        return packed or file, packed, "parquet"
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise Unreadable(f"it is {what}")
    # A mark alone may be a broken first line; with a NUL beside the first character it is the encoding.
    if (head.startswith(b"\xff\xfe") and head[3:4] == b"\0") or (head.startswith(b"\xfe\xff") and head[2:3] == b"\0"):
        raise Unreadable(f"it is {_UTF16}")
    is_csv = path.name.lower().removesuffix(".gz").endswith(".csv")
    return packed or file, packed, "csv" if is_csv else "jsonl"
