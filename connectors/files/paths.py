"""Which files can be landed, and what they are called in bronze."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from warehouse_models.errors import TenureError

_KINDS = (
    (stat.S_ISDIR, "it is a folder", "name the files in it, e.g. FOLDER/*.jsonl"),
    (stat.S_ISFIFO, "it is a pipe, and landing reads a file twice", "write it to a file first"),
    (stat.S_ISSOCK, "it is a socket", "write what it gives to a file first"),
    (lambda mode: not stat.S_ISREG(mode), "it is a device", "name a file"),
)


def landable(paths: Iterable[Path | str]) -> list[Path]:
    """The paths; TenureError for the first that is no regular file or cannot be looked at."""
    named = [Path(path) for path in paths]
    for path in named:
        thing = f"file {shown_name(str(path))}"
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            raise TenureError(thing, "there is no such file", "name the files to land") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise TenureError(thing, f"it cannot be opened ({why})", "check the path and who may read it") from None
        for is_kind, why, next_step in _KINDS:
            if is_kind(mode):
                raise TenureError(thing, why, next_step)
    return named


def shown_name(name: str) -> str:
    """A file name as text: bytes of it that are not UTF-8 are written as \\xNN, for tables hold text only."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
