"""Room for JSON nested as deep as orjson reads it (1,024 levels), for the standard library, which stops before."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LEVELS = 5_000
_guard = threading.Lock()
_inside = 0
_before = 0


@contextmanager
def deep() -> Iterator[None]:
    """Raise the interpreter's recursion limit; the last thread to leave restores it, never under another's feet."""
    global _inside, _before
    with _guard:
        if not _inside:
            _before = sys.getrecursionlimit()
            sys.setrecursionlimit(max(_before, _LEVELS))
        _inside += 1
    try:
        yield
    finally:
        with _guard:
            _inside -= 1
            if not _inside:
                sys.setrecursionlimit(_before)
