"""METRICS §1 in plain Python, day by day and without a thought for speed: what every engagement mart must say.

Reads the events and records of a SilverWorld, never the tables computed from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, Protocol

from tests.support.worlds.silver import sessions_of

Rows = set[tuple[Any, ...]]
DAY = timedelta(days=1)
MICRO = timedelta(microseconds=1)


def days(first: date, last: date) -> Iterator[date]:
    """Every day of a range, both ends included."""
    while first <= last:
        yield first
        first += DAY


def month_of(day: date) -> date:
    """First day of the month."""
    return day.replace(day=1)


def monday_of(day: date) -> date:
    """First day of the ISO week."""
    return day - timedelta(days=day.weekday())


class Facts(Protocol):
    """What happened, by tenant: resolved events, versions of accounts, the last day that is known of."""

    events: dict[tuple[str, str], dict[str, Any]]
    accounts: dict[tuple[str, str, Any], dict[str, Any]]
    watermarks: dict[str, date]


class Tenant:
    """One tenant's marts, computed from its events."""

    def __init__(
        self,
        world: Facts,
        slug: str,
        trend_min_events: int = 50,
        planned: Iterable[str] = (),
        sessions: list[dict[str, Any]] | None = None,
    ) -> None:
        self.slug, self.trend_min_events, self.planned = slug, trend_min_events, set(planned)
        every = [event | {"message": m} for (t, m), event in world.events.items() if t == slug]
        self.first = min(event["time"].date() for event in every) if every else None
        last = max((event["time"].date() for event in every), default=None)
        self.through = max(last, world.watermarks.get(slug, last)) if last else None
        self.events = [event for event in every if not event["internal"]]
        visits: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for event in self.events:
            if event["qualifying"]:
                user = event["user"]
                visits[slug, user, None if user else event["anonymous"]].append(event)
        self.sessions = sessions_of(visits) if sessions is None else sessions
        self.versions: dict[str, list[tuple[Any, dict[str, Any]]]] = defaultdict(list)
        for (t, account, start), columns in world.accounts.items():
            if t == slug:
                self.versions[account].append((start, columns))
        for versions in self.versions.values():
            versions.sort(key=lambda version: version[0])

    # -- events of a range of days ---------------------------------------------------------------------------------
    def of(self, first: date, last: date, account: str | None = None) -> list[dict[str, Any]]:
        """Events of days `first` to `last`, of one account if given."""
        return [e for e in self.events if first <= e["time"].date() <= last and account in (None, e["account"])]

    def users(self, first: date, last: date, account: str | None = None) -> set[str]:
        """Users with a qualifying event."""
        return {e["user"] for e in self.of(first, last, account) if e["qualifying"] and e["user"]}

    def session_count(self, first: date, last: date, account: str | None = None) -> int:
        """Sessions that start in the range."""
        in_range = [s for s in self.sessions if first <= s["session_date"] <= last]
        return len([s for s in in_range if account in (None, s["account_id"])])

    def active_accounts(self, first: date, last: date) -> int:
        """Accounts with a qualifying event, without the bucket of unresolved events."""
        return len({e["account"] for e in self.of(first, last) if e["qualifying"]} - {"unresolved"})

    def first_uses(self) -> dict[str, date]:
        """Feature → day of its first use."""
        first_days: dict[str, date] = {}
        for event in self.events:
            if event["qualifying"] and event["feature"]:
                day = event["time"].date()
                first_days[event["feature"]] = min(day, first_days.get(event["feature"], day))
        return first_days

    def account_starts(self) -> dict[str, tuple[date, date | None]]:
        """Account → (first day of its rows, day of its first event)."""
        first_events: dict[str, date] = {}
        for event in self.events:
            day = event["time"].date()
            first_events[event["account"]] = min(day, first_events.get(event["account"], day))
        starts = {}
        for account in {*first_events, *self.versions}:
            created = [c["created_at"].date() for _, c in self.versions.get(account, []) if c.get("created_at")]
            dates = [*created, *([first_events[account]] if account in first_events else [])]
            starts[account] = (max(min(dates, default=self.first), self.first), first_events.get(account))
        return starts

    def seats(self, account: str, day: date) -> int | None:
        """Seats known at the end of the day."""
        states = [columns for start, columns in self.versions.get(account, []) if start.date() <= day]
        return states[-1].get("licensed_seats") if states else None

    # -- marts --------------------------------------------------------------------------------------------------------
    def product_daily(self) -> Iterable[tuple[Any, ...]]:
        for day in days(self.first, self.through):
            month_ago = day - timedelta(days=29)
            dau = len(self.users(day, day))
            mau = len(self.users(month_ago, day))
            sum_dau = sum(len(self.users(d, d)) for d in days(month_ago, day))
            visitors = {e["anonymous"] for e in self.of(day, day) if e["qualifying"] and not e["user"]}
            stickiness = sum_dau / 30 / mau if mau and day >= self.first + timedelta(days=29) else None
            yield (
                self.slug, day, dau, len(self.users(day - timedelta(days=6), day)), mau,
                self.active_accounts(day, day), len(visitors), len(self.of(day, day)), self.session_count(day, day),
                rounded(stickiness), rounded(dau / mau if mau else None),
            )  # fmt: skip

    def periods(self, start_of: Any, end_of: Any) -> Iterable[tuple[Any, ...]]:
        for start in sorted({start_of(day) for day in days(self.first, self.through)}):
            end = end_of(start)
            yield (
                self.slug, start, len(self.users(start, end)), self.active_accounts(start, end),
                len(self.of(start, end)), self.session_count(start, end),
            )  # fmt: skip

    def account_daily(self) -> Iterable[tuple[Any, ...]]:
        first_uses = self.first_uses()
        for account, (start, first_event) in self.account_starts().items():
            for day in days(start, self.through):
                events = self.of(day, day, account)
                recent = self.of(day - timedelta(days=29), day, account)
                used = {e["feature"] for e in recent if e["qualifying"] and e["feature"]}
                now = [e for e in self.of(day - timedelta(days=27), day, account) if e["qualifying"]]
                before = [
                    e for e in self.of(day - timedelta(days=55), day - timedelta(days=28), account) if e["qualifying"]
                ]
                catalogue = self.planned | {feature for feature, used_first in first_uses.items() if used_first <= day}
                sessions = [s for s in self.sessions if s["session_date"] == day and s["account_id"] == account]
                mau = len(self.users(day - timedelta(days=29), day, account))
                seats = self.seats(account, day)
                yield (
                    self.slug, account, day, len(self.users(day, day, account)), len(events), len(sessions),
                    sum((s["ended_at"] - s["started_at"]) // MICRO for s in sessions) / 1e6,
                    len({e["feature"] for e in events if e["qualifying"] and e["feature"]}),
                    len(self.users(day - timedelta(days=6), day, account)), mau,
                    rounded(len(now) / len(before) - 1 if len(before) >= self.trend_min_events and before else None),
                    rounded(len(used) / len(catalogue) if catalogue else None), rounded(mau / seats if seats else None),
                    first_event is not None and day >= first_event,
                )  # fmt: skip

    def account_monthly(self) -> Iterable[tuple[Any, ...]]:
        for account, (start, _) in self.account_starts().items():
            for month in sorted({month_of(day) for day in days(start, self.through)}):
                end = month_of(month + timedelta(days=31)) - DAY
                events = self.of(month, end, account)
                active_days = {e["time"].date() for e in events if e["qualifying"]}
                yield (
                    self.slug, account, month, len(self.users(month, end, account)), len(active_days), len(events),
                    self.session_count(month, end, account),
                )  # fmt: skip

    def feature_usage(self) -> Iterable[tuple[Any, ...]]:
        groups: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for event in self.events:
            if event["qualifying"] and event["feature"]:
                groups[event["account"], event["feature"], event["time"].date()].append(event)
        for (account, feature, day), events in groups.items():
            yield (self.slug, account, feature, day, len(events), len({e["user"] for e in events if e["user"]}))

    def features(self) -> Iterable[tuple[Any, ...]]:
        first_uses = self.first_uses()
        for feature in self.planned | set(first_uses):
            yield (self.slug, feature, first_uses.get(feature), feature in self.planned)

    def cohorts(self) -> Iterable[tuple[Any, ...]]:
        months: dict[str, set[date]] = defaultdict(set)
        for event in self.events:
            if event["qualifying"] and event["user"]:
                months[event["user"]].add(month_of(event["time"].date()))
        for cohort in {min(active) for active in months.values()}:
            members = [active for active in months.values() if min(active) == cohort]
            for age, month in enumerate(sorted({month_of(day) for day in days(cohort, self.through)})):
                yield (self.slug, cohort, age, len(members), len([active for active in members if month in active]))


def rounded(value: float | None) -> float | None:
    """Ratios are compared to twelve digits."""
    return None if value is None else round(value, 12)


def expected(tenants: Iterable[Tenant]) -> dict[str, Rows]:
    """Mart → its rows over `tenants`, in the order of the contract's columns."""
    rows: dict[str, Rows] = defaultdict(set)
    for tenant in tenants:
        if tenant.first is None:
            continue
        rows["fct_product_engagement_daily"].update(tenant.product_daily())
        rows["fct_product_engagement_weekly"].update(tenant.periods(monday_of, lambda start: start + 6 * DAY))
        rows["fct_product_engagement_monthly"].update(
            tenant.periods(month_of, lambda start: month_of(start + 31 * DAY) - DAY)
        )
        rows["fct_account_engagement_daily"].update(tenant.account_daily())
        rows["fct_account_engagement_monthly"].update(tenant.account_monthly())
        rows["fct_feature_usage_daily"].update(tenant.feature_usage())
        rows["dim_features"].update(tenant.features())
        rows["fct_user_cohorts"].update(tenant.cohorts())
    return dict(rows)
