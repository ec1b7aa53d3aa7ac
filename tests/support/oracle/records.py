"""Versions of records in plain Python (DESIGN §3 and §8): one loop a record, over everything ever delivered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.support.histories.records import Delivery
from tests.support.oracle.times import moment

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
# A complete delivery that nobody dated is true at its landing: later than all that these histories say of themselves.
LANDING = datetime(9999, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """A state of a record: `fields` is empty where it is deleted; `until` None: still."""

    since: datetime
    until: datetime | None
    updated: datetime
    deleted: bool
    fields: Row


def versions(deliveries: Iterable[Delivery], key: str) -> dict[str, list[Version]]:
    """Record → its versions in order."""
    return versions_by(deliveries, lambda row: row[key], lambda row: row[key])


def versions_by(
    deliveries: Iterable[Delivery], record: Callable[[Row], Any], named: Callable[[Row], Any]
) -> dict[Any, list[Version]]:
    """Record → its versions in order; a complete delivery replaces all records that share `named` with a row of it."""
    said: dict[Any, list[tuple[int, datetime, Row]]] = defaultdict(list)
    complete: dict[Any, list[tuple[datetime, int]]] = defaultdict(list)
    names: dict[Any, Any] = {}
    for number, delivery in enumerate(deliveries):
        for row in delivery.rows:
            stamp = moment(row.get("updated_at")) or moment(delivery.as_of)
            assert stamp is not None, "a row without a time in a delivery without one belongs to the clock"
            content = {name: value for name, value in row.items() if name != "updated_at"}
            said[record(row)].append((number, stamp, content))
            names[record(row)] = named(row)
            if delivery.complete:
                complete[named(row)].append((moment(delivery.as_of) or LANDING, number))
    return {one: _follow(rows, max(complete[names[one]], default=None)) for one, rows in said.items()}


def _follow(rows: list[tuple[int, datetime, Row]], complete: tuple[datetime, int] | None) -> list[Version]:
    at: dict[datetime, list[Row]] = defaultdict(list)
    for number, stamp, content in rows:
        if complete is None or number == complete[1] or stamp > complete[0]:
            at[stamp].append(content)
    states: list[tuple[datetime, Row]] = []
    for stamp in sorted(at):
        first, *others = at[stamp]
        if any(other != first for other in others):
            continue  # it contradicts itself: there is no version at that time
        if not states or states[-1][1] != first:
            states.append((stamp, first))
    versions = []
    for place, (stamp, content) in enumerate(states):
        until = states[place + 1][0] if place + 1 < len(states) else None
        deleted = bool(content.get("is_deleted"))
        fields = {} if deleted else content
        versions.append(Version(stamp if place else BEGINNING, until, stamp, deleted, fields))
    return versions


def known_at(versions: list[Version], at: datetime) -> Version | None:
    """The version that holds at a time."""
    return next((v for v in versions if v.since <= at and (v.until is None or at < v.until)), None)
