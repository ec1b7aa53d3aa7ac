"""How the journal frames a payload: magic, length, checksum. So what a crash or a bad disk left is told apart.

    \\xff TJ 1 | length u32 | crc32 u32 (of length and payload) | payload: UTF-8 text

The first byte of the magic is in no UTF-8 text, so no payload, whoever sent it, can hold what looks like a frame:
behind damage the next magic is the next frame.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"\xffTJ1"
_HEAD = struct.Struct("<4sII")
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Damage:
    """Bytes of a segment that are no frame: where they begin, how many they are."""

    offset: int
    size: int


def frame(payload: bytes) -> bytes:
    """A payload (UTF-8 text) as it is written."""
    return _HEAD.pack(MAGIC, len(payload), _crc(payload)) + payload


def read_frames(content: bytes) -> Iterator[bytes | Damage]:
    """The payloads of a segment's bytes, in order, and the damage between, before and behind them."""
    at = 0
    while at < len(content):
        payload = _frame_at(content, at)
        if payload is not None:
            yield payload
            at += _HEAD.size + len(payload)
            continue
        behind = content.find(MAGIC, at + 1)
        while behind >= 0 and _frame_at(content, behind) is None:
            behind = content.find(MAGIC, behind + 1)
        end = behind if behind >= 0 else len(content)
        yield Damage(at, end - at)
        at = end


def torn_at(content: bytes) -> int:
    """Where the last whole frame ends: what stands behind it was never acknowledged, or is lost."""
    end = 0
    at = 0
    for part in read_frames(content):
        at += part.size if isinstance(part, Damage) else _HEAD.size + len(part)
        if not isinstance(part, Damage):
            end = at
    return end


def _frame_at(content: bytes, at: int) -> bytes | None:
    if not content.startswith(MAGIC, at) or at + _HEAD.size > len(content):
        return None
    _, size, crc = _HEAD.unpack_from(content, at)
    start = at + _HEAD.size
    payload = content[start : start + size]
    return payload if len(payload) == size and _crc(payload) == crc else None


def _crc(payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_LENGTH.pack(len(payload))))
