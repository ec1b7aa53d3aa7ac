"""The true answers, kept while the world is made: nothing here reads an event file or computes a metric from one."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

_QUALIFYING = frozenset(("track", "page", "screen"))
_DAY = 86_400_000
_EPOCH = date(1970, 1, 1)


class Truth:
    """What happened in one tenant. Times are UTC milliseconds."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self._sessions: list[tuple[str, str, str, int, int, int]] = []
        self._active: Counter[tuple[str, str, int]] = Counter()
        self._users: defaultdict[int, set[str]] = defaultdict(set)
        self._accounts: defaultdict[int, set[str]] = defaultdict(set)
        self._visitors: defaultdict[int, set[str]] = defaultdict(set)
        self._events: Counter[int] = Counter()
        self._features: dict[tuple[int, str], tuple[list[int], set[str]]] = {}

    def event(
        self, at: int, user: str | None, anonymous: str | None, account: str | None, kind: str, name: str | None
    ) -> None:
        """One event happened: to a user, or to a visitor nobody ever knew; account None is nobody's."""
        day = at // _DAY
        self._events[day] += 1
        self.totals["events"] += 1
        if kind not in _QUALIFYING:
            return
        self.totals["qualifying_events"] += 1
        if user is not None:
            self._users[day].add(user)
            self._active[account or "unresolved", user, day] += 1
        elif anonymous is not None:
            self._visitors[day].add(anonymous)
        if account is not None:
            self._accounts[day].add(account)
        if kind == "track" and name is not None:
            count, users = self._features.setdefault((day, name), ([0], set()))
            count[0] += 1
            if user is not None:
                users.add(user)

    def session(
        self, user: str | None, anonymous: str | None, account: str | None, first: int, last: int, events: int
    ) -> None:
        """One visit happened, of so many qualifying events."""
        self._sessions.append((user or "", anonymous or "", account or "unresolved", first, last, events))
        self.totals["sessions"] += 1

    def write(self, folder: Path, last_day: date) -> None:
        """Write users_daily.csv, sessions.csv, active_days.csv, features_daily.csv and totals.json into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        started = Counter(first // _DAY for *_, first, _, _ in self._sessions)
        days = range(min(self._events, default=0), (last_day - _EPOCH).days + 1) if self._events else range(0)
        _csv(
            folder / "users_daily.csv",
            "date dau wau mau active_accounts anonymous_visitors events sessions",
            (
                (
                    _date(day),
                    len(self._users[day]),
                    self._within(day, 7),
                    self._within(day, 30),
                    len(self._accounts[day]),
                    len(self._visitors[day]),
                    self._events[day],
                    started[day],
                )
                for day in days
            ),
        )
        _csv(
            folder / "sessions.csv",
            "user_id anonymous_id account_id started_at ended_at events",
            (
                (user, anonymous, account, _time(first), _time(last), events)
                for user, anonymous, account, first, last, events in sorted(self._sessions)
            ),
        )
        _csv(
            folder / "active_days.csv",
            "account_id user_id date events",
            ((account, user, _date(day), n) for (account, user, day), n in sorted(self._active.items())),
        )
        _csv(
            folder / "features_daily.csv",
            "date feature events users",
            ((_date(day), name, n[0], len(users)) for (day, name), (n, users) in sorted(self._features.items())),
        )
        self.totals["users"] = len(set().union(*self._users.values())) if self._users else 0
        self.totals["anonymous_visitors"] = len(set().union(*self._visitors.values())) if self._visitors else 0
        (folder / "totals.json").write_text(json.dumps(dict(sorted(self.totals.items())), indent=1) + "\n")

    def _within(self, day: int, length: int) -> int:
        users: set[str] = set()
        for back in range(length):
            users |= self._users.get(day - back, set())
        return len(users)


def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()


def _time(millis: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{millis % 1000:03d}"


def _csv(path: Path, header: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split())
        writer.writerows(rows)
