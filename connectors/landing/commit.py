"""Rows that the contract took, into bronze: look up what is there, append the rest in one commit, name conflicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.contracts import reasons
from connectors.contracts.times import iso
from connectors.landing.quarantine import RefusedRow, refuse
from connectors.landing.store import LandedVersion, Store


def append_events(store: Store, good: list[tuple[Any, ...]], lines_done: int | None) -> list[tuple[Any, ...]]:
    """The rows that bronze did not hold, appended; the others are exact copies of rows it holds."""

    def lacking() -> list[tuple[Any, ...]]:
        landed = store.landed_events(good) if good else set()
        fresh = []
        for row in good:
            key = row[:2]
            if key not in landed:
                landed.add(key)
                fresh.append(row)
        return fresh

    return store.append_once(lacking, lines_done)


@dataclass(frozen=True)
class Appended:
    """Records that were appended; `conflicts` are those that contradict another row of their key and time.

    `moved`: rows of the same landing that had counted as accepted until a row of `conflicts` came.
    """

    fresh: list[tuple[Any, ...]]
    conflicts: list[tuple[Any, ...]]
    moved: int


def append_records(
    store: Store,
    good: list[tuple[Any, ...]],
    refused: list[RefusedRow],
    lines_done: int | None,
    how: str | None,
    *,
    complete: bool,
) -> Appended:
    """Append the versions that bronze lacks, once `refused` and both sides of each conflict are in quarantine."""
    batch, appended = store.batch, Appended([], [], 0)

    def lacking() -> list[tuple[Any, ...]]:
        nonlocal appended
        # A complete delivery contradicts nobody and keeps its own copy of what is known: it takes their place.
        landed = store.landed_versions(good, own_only=complete) if good else {}
        fresh: list[tuple[Any, ...]] = []
        conflicts: list[tuple[Any, ...]] = []
        both_sides: list[RefusedRow] = []
        moved = 0
        for row in good:
            key, sha, when, _, line, size, payload = row
            others = landed.setdefault((key, when), [])
            if any(other.sha == sha for other in others):
                continue
            fresh.append(row)
            here = LandedVersion(sha, batch.file, line, size, payload, batch.batch_id)
            if others:
                conflicts.append(row)
                both_sides += [_conflict(here, others[0], key, when), _conflict(others[0], here, key, when)]
                # The first row of the pair was counted as accepted when it came, if this landing brought it.
                moved += len(others) == 1 and others[0].batch_id == batch.batch_id
            others.append(here)
        refuse(store.lake, store.duck, batch, [*refused, *both_sides], how)
        appended = Appended(fresh, conflicts, moved)
        return fresh

    store.append_once(lacking, lines_done)
    return appended


def _conflict(row: LandedVersion, other: LandedVersion, key: str, at: int) -> RefusedRow:
    reason = reasons.CONFLICT.format(file=other.file, line=other.line, key=key, at=iso(at))
    return RefusedRow.of(reason, row.file or "", row.line or 0, row.payload.encode(), row.size, key)
