"""The records side of a random history: versions of accounts and users, delivered in any order and in any pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Row = dict[str, Any]
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Delivery:
    """One landed file: rows of `object`, and what was said with it (`--as-of`, `--complete`)."""

    object: str
    rows: list[Row]
    as_of: str | None = None
    complete: bool = False


def record_deliveries(rng: Random, moment: Callable[[], datetime]) -> list[Delivery]:
    """Deliveries of users and accounts; times are drawn from `moment`, so that they meet those of events."""
    deliveries = []
    for object, row_of in (("users", _user), ("accounts", _account)):
        rows = [_said(rng, row_of(rng), moment()) for _ in range(rng.choice((0, 0, 1, 3, 5)))]
        for row in list(rows):
            # A version that says the same again, later; another that contradicts at the very same time.
            if rng.random() < 0.2:
                rows.append(row | {"updated_at": _stamp(moment())})
            if rng.random() < 0.1:
                rows.append(row_of(rng) | {k: row[k] for k in row if k in ("user_id", "account_id", "updated_at")})
        rng.shuffle(rows)
        while rows:
            count = rng.randint(1, len(rows))
            deliveries.append(Delivery(object, rows[:count]))
            rows = rows[count:]
        if rng.random() < 0.25:
            # Each complete delivery is true at a time of its own: of two at one time neither is the later one.
            as_of = moment() + timedelta(seconds=rng.randint(2, 59), microseconds=len(deliveries))
            drawn = [row_of(rng) for _ in range(rng.randint(1, 3))]
            said = [_said(rng, row, moment()) if rng.random() < 0.7 else row for row in drawn]
            deliveries.append(Delivery(object, said, _stamp(as_of), complete=True))
    return deliveries


def _said(rng: Random, row: Row, at: datetime) -> Row:
    return row | {"updated_at": _stamp(at)} | ({"is_deleted": True} if rng.random() < 0.15 else {})


def _user(rng: Random) -> Row:
    row: Row = {"user_id": rng.choice(("u1", "u2", "u3", "42", "old1"))}
    row |= {"account_id": rng.choice(("acme", "globex", "initech"))} if rng.random() < 0.8 else {}
    return row | ({"email": rng.choice(("Ann@CORP.example", "ann@else.example"))} if rng.random() < 0.4 else {})


def _account(rng: Random) -> Row:
    row: Row = {"account_id": rng.choice(("acme", "globex", "initech"))}
    if rng.random() < 0.5:
        days = rng.choice((-400, -3, 0, 20, 300, 330))
        row["created_at"] = _stamp(NOON + timedelta(days=days, hours=rng.choice((0, 12))))
    if rng.random() < 0.7:
        row["licensed_seats"] = rng.choice((0, 1, 2, 5))
    return row | ({"name": rng.choice("AB")} if rng.random() < 0.5 else {})


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
