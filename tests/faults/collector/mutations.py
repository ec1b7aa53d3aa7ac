"""The collector broken on purpose, one rule at a time: the campaign has to see each of them, or it proves nothing.

A mutation is in force in every child that is forked while it is on. Most change a few words of the product's own text;
where the text has changed since, it fails instead of breaking nothing.
"""

from __future__ import annotations

import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from connectors.collector.journal import group, journal, segments
from connectors.collector.journal.group import GroupCommit
from connectors.collector.journal.journal import Journal
from connectors.collector.landing import segment as segment_lander
from connectors.collector.landing.segment import SegmentLander
from connectors.landing import quarantine


@dataclass(frozen=True)
class Mutation:
    """What is broken (`patches`: target → replacement); kinds, shapes and end of the faults that have to show it."""

    kinds: tuple[str, ...]
    shapes: tuple[str, ...]
    patches: Mapping[tuple[Any, str], Any]
    end: str = "killed"

    @contextmanager
    def on(self) -> Iterator[None]:
        """The product is broken inside."""
        held = [patch.object(owner, name, made) for (owner, name), made in self.patches.items()]
        for one in held:
            one.start()
        try:
            yield
        finally:
            for one in held:
                one.stop()


def _said(owner: Any, name: str, *changes: tuple[str, str]) -> dict[tuple[Any, str], Callable[..., Any]]:
    """A function of `owner` with other words in its text."""
    function = getattr(owner, name)
    text = textwrap.dedent(inspect.getsource(function))
    for before, after in changes:
        if text.count(before) != 1:
            raise AssertionError(f"{name} does not say once: {before}")
        text = text.replace(before, after)
    made: dict[str, Any] = {}
    # In the function's own module, so that what it calls is what the product calls.
    exec(compile(text, f"<{name}, broken>", "exec"), vars(sys.modules[function.__module__]), made)
    return {(owner, name): made[name]}


class _NoSync:
    """`os` for a journal that syncs no file."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fdatasync(self, file: int) -> None:
        """Claims that it did."""


def _told_first(self: GroupCommit, waiting: Any) -> None:
    """Replies first, and writes then."""
    self._loop.call_soon_threadsafe(group._tell, [done for _, done in waiting], None)
    self.journal.append([payload for payload, _ in waiting])


def _not_told(self: GroupCommit, waiting: Any) -> None:
    """Replies the same whether it was written or not."""
    with suppress(journal.NotWritable):
        self.journal.append([payload for payload, _ in waiting])
    self._loop.call_soon_threadsafe(group._tell, [done for _, done in waiting], None)


_KILLS = ("collector killed at a named point", "collector killed at random")
_LANDER = ("lander killed at a named point", "lander killed at random")
_ALONE, _BUSY = ("alone",), ("traffic", "two")
_FAILED_SYNC = "self._cut()\n        self._finish()\n        raise NotWritable(error.strerror or str(error)) from error"
_APPEND = "appended = self.lake.shard(shard).append_once("
_MARKERS = "markers={self.batch.app: self.batch.number}"
_TWO_COMMITS = f"""tables = self.lake.shard(shard)
    if self.batch.is_in(tables.create(table)):
        return False
    tables.append(table, added.slice(0, 0), trail=trail, transactions={{self.batch.app: self.batch.number}})
    tables.append(table, added, trail=trail)
    return True
    {_APPEND}"""
MUTATIONS: dict[str, Mutation] = {
    "the reply comes before the journal": Mutation(
        ("power cut", *_KILLS), _ALONE, {(GroupCommit, "_write"): _told_first}
    ),
    "the journal is not synced": Mutation(("power cut",), _ALONE, {(journal, "os"): _NoSync()}),
    "a file's name is not synced": Mutation(
        ("power cut",), _ALONE, _said(Journal, "_open", ("sync_folder(self.folder)", "pass"))
    ),
    "a segment that was renamed is renamed again": Mutation(
        ("failed sync",), ("traffic",), {(journal, "close_segment"): _said(segments, "close_segment",
            ("path.exists() and size", "size"))[segments, "close_segment"]}, "running"
    ),
    "a failed sync counts as done": Mutation(
        ("failed sync",), _ALONE, _said(Journal, "append", (_FAILED_SYNC, "pass"))
    ),
    "what could not be written is acknowledged": Mutation(
        ("full disk", "failed name"), _ALONE, {(GroupCommit, "_write"): _not_told}
    ),
    "the rest of a short write is not written": Mutation(
        ("short write",), _ALONE, _said(journal, "_write_all", ("while view:", "if view:"))
    ),
    "what a failed write left is not cut": Mutation(
        ("failed write, then a failed cut",),
        _ALONE,
        _said(Journal, "_cut", ("os.ftruncate(self._file, self._durable)", "pass")),
    ),
    "a torn tail is not cut": Mutation(("torn write", "power cut"), _ALONE, {(segments, "torn_at"): len}),
    "the lander drops a segment before its commit": Mutation(
        _LANDER,
        _ALONE,
        _said(SegmentLander, "land", ("damage = self._read()", "damage = self._read()\n    self.path.unlink()")),
    ),
    "a segment is dropped before the lake is synced": Mutation(
        ("power cut at a landing",), _ALONE, {(segment_lander, "sync_disk"): lambda folder: None}
    ),
    "the lander does not look at its position": Mutation(
        ("a dropped segment comes back", *_LANDER),
        _ALONE,
        _said(SegmentLander, "_append_once", ("None if self.batch.is_in(target) else added", "added")),
    ),
    "the position is in a commit of its own": Mutation(
        _LANDER,
        _ALONE,
        _said(SegmentLander, "_append_once", (_APPEND, _TWO_COMMITS)),
    ),
    "the rows are committed without the position": Mutation(
        ("lost commit", "a dropped segment comes back"),
        _ALONE,
        _said(SegmentLander, "_append_once", (_MARKERS, "markers={}")),
    ),
    "usage is metered each time": Mutation(
        _LANDER, _ALONE, _said(SegmentLander, "_meter", ("self._append_once(spec(USAGE), shard, rows, trail)",
            "self.lake.shard(shard).append(spec(USAGE), rows, trail=trail)"))
    ),
    "the quarantine does not look what it holds": Mutation(
        _LANDER,
        _ALONE,
        {(segment_lander, "refuse"): _said(quarantine, "refuse",
            ("key not in quarantined", "True"))[quarantine, "refuse"]},
    ),
    "a restarted collector counts from the beginning": Mutation(
        _KILLS, _BUSY, _said(Journal, "__init__", ('f"{time.time_ns():016x}{secrets.token_hex(4)}"', '"0" * 24'))
    ),
}  # fmt: skip
