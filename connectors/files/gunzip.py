"""Gunzip that gives every byte it could still read before it complains (the standard reader drops its last buffer)."""

from __future__ import annotations

import zlib
from typing import BinaryIO

MAGIC = b"\x1f\x8b"
_BLOCK = 1 << 16


class DamagedGzip(Exception):
    """The compressed data cannot be unpacked to its end."""


class CutGzip(DamagedGzip):
    """The compressed data ends before its end."""


class Gunzip:
    """A gzip stream (of one or more members) as plain bytes, in bounded memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(wbits=31)
        self._ahead = b""
        self._is_over = False
        self._damage: DamagedGzip | None = None

    def peek(self) -> bytes:
        """The next bytes, at least one unless the stream ends; they are read again by `read`."""
        if not self._ahead:
            self._ahead = self.read(_BLOCK)
        return self._ahead

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end. Raises DamagedGzip once everything before the damage was read."""
        if self._ahead:
            ahead, self._ahead = self._ahead[:size], self._ahead[size:]
            return ahead
        # As much as was asked for: members of one byte each, handed on one by one, would be joined in quadratic time.
        parts: list[bytes] = []
        missing = size
        try:
            while missing and self._damage is None and (part := self._part(missing)):
                parts.append(part)
                missing -= len(part)
        except DamagedGzip as damage:
            self._damage = damage
        if not parts and self._damage is not None:
            raise self._damage
        return b"".join(parts)

    def _part(self, size: int) -> bytes:
        while not self._is_over:
            if self._member.eof:
                packed = self._next_member()
                if not packed:
                    break
            else:
                packed = self._member.unconsumed_tail or self._file.read(_BLOCK)
                if not packed:
                    raise CutGzip("it ends in the middle")
            try:
                plain = self._member.decompress(packed, size)
            except zlib.error as error:
                raise DamagedGzip(str(error)) from error
            if plain:
                return plain
        return b""

    def _next_member(self) -> bytes:
        rest = self._member.unused_data
        # Writers may pad with zeros.
        while not (rest := rest.lstrip(b"\0")) or len(rest) < len(MAGIC):
            more = self._file.read(_BLOCK)
            if not more:
                break
            rest += more
        if rest and not rest.startswith(MAGIC):
            raise DamagedGzip("something else follows it")
        if rest:
            self._member = zlib.decompressobj(wbits=31)
        # At the end it stays there when read again.
        self._is_over = not rest
        return rest
