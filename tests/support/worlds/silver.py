"""Small silver tables, computed in plain Python and committed slice by slice like the transforms do.

world = SilverWorld(lake, "pool"); world.event("t1", "2024-01-01 10:00", user="ann", account="a", feature="f")
world.commit()   # replaces exactly the slices that differ, with their trail
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zlib import crc32

import pyarrow as pa

from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import encode_slices
from warehouse_models.specs import spec

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


def at(text: str) -> datetime:
    """A UTC time out of ISO text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class SilverWorld:
    """The true state of silver; `commit` brings Delta to it."""

    lake: Lake
    shard: str
    events: dict[tuple[str, str], Row] = field(default_factory=dict)
    accounts: dict[tuple[str, str, datetime], Row] = field(default_factory=dict)
    users: dict[tuple[str, str], Row] = field(default_factory=dict)
    watermarks: dict[str, date] = field(default_factory=dict)
    extra_rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    _committed: dict[str, dict[Any, list[Row]]] = field(default_factory=dict)

    def event(
        self,
        tenant: str,
        time: str,
        *,
        user: str | None = None,
        anonymous: str | None = None,
        account: str = "unresolved",
        feature: str | None = None,
        qualifying: bool = True,
        internal: bool = False,
        message: str | None = None,
    ) -> str:
        """Add or change an event; returns its message id."""
        message = message or f"m{len(self.events)}"
        self.events[tenant, message] = {
            "time": at(time),
            "user": user,
            "anonymous": anonymous,
            "account": account,
            # As in silver: an event that does not qualify uses no feature.
            "feature": feature if qualifying and not internal else None,
            "qualifying": qualifying and not internal,
            "internal": internal,
        }
        return message

    def account(self, tenant: str, account: str, valid_from: str | None = None, **columns: Any) -> None:
        """Add or change a version of an account."""
        start = at(valid_from) if valid_from else BEGINNING
        self.accounts[tenant, account, start] = columns

    def user(self, tenant: str, user: str, **columns: Any) -> None:
        """Add or change a user's record."""
        self.users[tenant, user] = columns

    def commit(self) -> dict[str, int]:
        """Replace what differs; address → version of the tables that moved."""
        moved = {}
        for address, rows in self._silver().items():
            table = spec(address)
            slices: dict[Any, list[Row]] = defaultdict(list)
            for row in [*rows, *self.extra_rows[address]]:
                slices[row["tenant_id"], row[table.slice_column] if table.slice_column else None].append(row)
            before = self._committed.get(address, {})
            changed = {key for key in {*slices, *before} if _content(slices.get(key)) != _content(before.get(key))}
            if not changed:
                continue
            touched: dict[str, Any] = {}
            for tenant, day in changed:
                touched[tenant] = None if day is None else frozenset({day, *(touched.get(tenant) or ())})
            names = [column.name for column in table.columns]
            data = pa.Table.from_pylist(
                [{name: row.get(name) for name in names} for key in changed for row in slices.get(key, [])],
                schema=table.arrow_schema,
            )
            trail = {"definition": "test", "inputs": {}, "slices": encode_slices(touched)}
            moved[address] = self.lake.shard(self.shard).replace(table, data, touched, trail=trail)
            self._committed[address] = dict(slices)
        return moved

    def _silver(self) -> dict[str, list[Row]]:
        events, activity, usage = [], [], defaultdict(lambda: [0, 0])
        visits: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for (tenant, message), event in sorted(self.events.items()):
            day = event["time"].date()
            base = {"tenant_id": tenant, "message_id": message, "event_time": event["time"], "event_date": day}
            base |= {"event_month": day.replace(day=1), "type": "track"}
            events.append(
                base
                | {"message_key": crc32(message.encode()), "user_id": event["user"], "anonymous_id": event["anonymous"]}
                | {"event": event["feature"], "received_at": event["time"]}
            )
            activity.append(
                base
                | {"user_id": event["user"], "anonymous_id": event["anonymous"], "account_id": event["account"]}
                | {"feature": event["feature"], "is_qualifying": event["qualifying"], "is_internal": event["internal"]}
            )
            if event["internal"]:
                continue
            visitor = (event["user"], None) if event["user"] else (None, event["anonymous"])
            counts = usage[tenant, day, event["account"], *visitor, event["feature"]]
            counts[0] += 1
            counts[1] += event["qualifying"]
            if event["qualifying"]:
                visits[tenant, *visitor].append({**event, "message": message})
        return {
            "silver/product/events": events,
            "silver/product/activity": activity,
            "silver/product/sessions": sessions_of(visits),
            "silver/product/usage_daily": [
                {
                    "tenant_id": tenant, "date": day, "account_id": account, "user_id": user, "anonymous_id": anonymous,
                    "feature": feature, "events": count, "qualifying_events": qualifying, "month": day.replace(day=1),
                }
                for (tenant, day, account, user, anonymous, feature), (count, qualifying) in usage.items()
            ],
            "silver/product/coverage": self._coverage(),
            "silver/collector/usage": [],
            "silver/crm/accounts": self._accounts(),
            "silver/crm/users": [
                {
                    "tenant_id": tenant, "user_id": user, "is_deleted": False, "valid_from": BEGINNING,
                    "is_current": True, "updated_at": BEGINNING, **columns,
                }
                for (tenant, user), columns in self.users.items()
            ],
        }  # fmt: skip

    def _coverage(self) -> list[Row]:
        days: dict[str, list[date]] = defaultdict(list)
        for (tenant, _), event in self.events.items():
            days[tenant].append(event["time"].date())
        rows = []
        for tenant, dates in days.items():
            last, mark = max(dates), self.watermarks.get(tenant)
            row = {"tenant_id": tenant, "first_event_date": min(dates), "last_event_date": last}
            rows.append(row | {"watermark_date": mark, "data_through": max(last, mark or last)})
        return rows

    def _accounts(self) -> list[Row]:
        rows = []
        for (tenant, account, start), columns in self.accounts.items():
            later = [s for (t, a, s) in self.accounts if (t, a) == (tenant, account) and s > start]
            row = {"tenant_id": tenant, "account_id": account, "valid_from": start}
            row |= {"valid_to": min(later, default=None)}
            row |= {"is_current": not later, "is_deleted": False, "updated_at": at("2024-01-01"), **columns}
            rows.append(row)
        return rows


def sessions_of(visits: dict[tuple[Any, ...], list[Row]]) -> list[Row]:
    rows = []
    for (tenant, user, anonymous), events in visits.items():
        runs: list[list[Row]] = []
        for event in sorted(events, key=lambda event: (event["time"], event["message"])):
            if runs and event["time"] - runs[-1][-1]["time"] <= timedelta(minutes=30):
                runs[-1].append(event)
            else:
                runs.append([event])
        for run in runs:
            start = run[0]["time"]
            text = f"{tenant}|{user}|{anonymous}|{start.isoformat()}"
            rows.append(
                {
                    "tenant_id": tenant, "session_id": hashlib.sha256(text.encode()).hexdigest(), "user_id": user,
                    "anonymous_id": anonymous, "account_id": run[0]["account"], "started_at": start,
                    "ended_at": run[-1]["time"], "session_date": start.date(), "events": len(run),
                    "session_month": start.date().replace(day=1),
                }
            )  # fmt: skip
    return rows


def _content(rows: list[Row] | None) -> list[str]:
    return sorted(repr(sorted(row.items(), key=lambda item: item[0])) for row in rows or [])
