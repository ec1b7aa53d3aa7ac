"""The product broken on purpose, one rule at a time: the harness has to see each of them, or it proves nothing.

A mutation is in force in every child that is forked while it is on: the disturbed run and the next one alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
from deltalake.exceptions import CommitFailedError

from orchestration.gold import control
from orchestration.publish import publish
from warehouse_models.lake.shard import Shard
from warehouse_models.published import manifest


@dataclass(frozen=True)
class Mutation:
    """What is broken (`patches`: target → replacement); stage, kinds and files of the faults that have to show it."""

    stage: str
    kinds: tuple[str, ...]
    where: str
    patches: Mapping[tuple[Any, str], Callable[..., Any]]

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


_append, _replace, _write_all, _swap, _prepare = (
    Shard.append, Shard.replace, publish.write_all_file, publish.swap, control.prepare,
)  # fmt: skip
_late: list[tuple[Any, ...]] = []


def _position_first(self: Shard, table: Any, data: Any, **how: Any) -> int:
    """The position of a landing in a commit of its own, before its rows."""
    marks = how.pop("transactions", None)
    _append(self, table, data.slice(0, 0), transactions=marks, trail=how["trail"])
    return _append(self, table, data, trail=how["trail"])


def _lost_commit(self: Shard, *what: Any, **how: Any) -> int:
    """An append that takes a commit for done that another one won."""
    with suppress(CommitFailedError):
        return _append(self, *what, **how)
    return 0


def _two_commits(self: Shard, table: Any, data: Any, slices: Any, **how: Any) -> int:
    """Slices emptied in one commit and filled in the next."""
    if isinstance(data, pa.RecordBatchReader):
        data = data.read_all()
    if slices is None:
        return _replace(self, table, data, slices, **how)
    _replace(self, table, data.slice(0, 0), slices, **how)
    return _append(self, table, data, trail=how["trail"])


def _manifest_first(*arguments: Any) -> int:
    """The manifest swapped before the file that it names is there."""
    with patch.object(publish, "write_all_file", lambda *call: _late.append(call)):
        number = _swap(*arguments)
    while _late:
        _write_all(*_late.pop())
    return number


def _in_place(path: Path, text: str, temporary: str = "") -> None:
    """The manifest written where it is read."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        file.write(text[len(text) // 2 :])


def _consumed_first(connection: Any, *arguments: Any, **how: Any) -> None:
    """The marker of what gold has consumed moved before gold is built."""
    _prepare(connection, *arguments, **how)
    connection.execute("delete from control.consumed")
    connection.execute("insert into control.consumed select address, version from control.versions")


_KILLS = ("kill at a named point", "kill at random")
MUTATIONS: dict[str, Mutation] = {
    "landing commits its position before its rows": Mutation(
        "land", _KILLS, "/bronze/product/events/", {(Shard, "append"): _position_first}
    ),
    "landing takes a lost commit for done": Mutation(
        "land", ("conflict",), "/bronze/product/events/", {(Shard, "append"): _lost_commit}
    ),
    "a transform replaces slices in two commits": Mutation(
        "transform", _KILLS, "/silver/product/", {(Shard, "replace"): _two_commits}
    ),
    "the manifest is swapped before its file": Mutation(
        "publish", _KILLS, "published/_all/", {(publish, "swap"): _manifest_first}
    ),
    "the manifest is written in place": Mutation(
        "publish", ("full disk", "kill at random"), "published/manifest", {(manifest, "write_atomically"): _in_place}
    ),
    "gold notes what it consumed before it is built": Mutation(
        "gold", _KILLS, "build/", {(control, "prepare"): _consumed_first}
    ),
}
