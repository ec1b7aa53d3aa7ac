"""Who lives in a sandbox tenant: accounts with a lifecycle, users with habits, and the CRM rows that describe them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from connectors.sandbox.names import COUNTRIES, EURO, companies, person
from connectors.sandbox.tenants import Feature, SimulatedTenant

# Share of accounts by lifecycle. `never`: signed, but nobody ever logged in.
LIFECYCLES = {"steady": 0.40, "growing": 0.24, "shrinking": 0.12, "silent": 0.10, "new": 0.10, "never": 0.04}
_SEGMENTS = (("enterprise", 0.2, 2.2), ("mid-market", 0.35, 1.0), ("small business", 0.45, 0.45))
_ROLES = ("member", "member", "member", "editor", "editor", "admin")


@dataclass
class Account:
    """A simulated account. `opens` and `closes` are day numbers of its usage (closes: none after)."""

    id: str
    name: str
    industry: str
    segment: str
    country: str
    csm: str
    lifecycle: str
    created: date
    renewal: date
    seats: int
    opens: int
    closes: int
    size: float

    def level(self, day: int, days: int) -> float:
        """How busy the account is on a day, 1 being normal."""
        if not self.opens <= day < self.closes:
            return 0.0
        gone = (day - self.opens) / max(1, days - self.opens)
        if self.lifecycle == "growing":
            return 0.45 + 0.9 * gone
        if self.lifecycle == "shrinking":
            return 1.15 - 0.95 * gone
        if self.lifecycle == "new":
            return 0.4 + 0.8 * gone
        return 1.0 + 0.12 * math.sin(day / 17)


@dataclass
class User:
    """A simulated user. `knows` says how an event tells its account: in its context, by a group call, by the users row,
    or not at all. `moves` is (day, account id) for a user who changes account."""

    id: str
    account: Account | None
    first: str
    last: str
    role: str
    joins: int
    rate: float
    channel: str
    knows: str
    offset_hours: int
    skew_ms: int
    device: str
    features: tuple[Feature, ...]
    created: date
    moves: tuple[int, Account] | None = None
    alias_of: str | None = None
    renamed_on: int = 0
    browses_first: bool = False
    says_both: bool = False
    turn: int | None = None
    has_grouped: Account | None = None
    is_known: bool = False

    def account_on(self, day: int) -> Account | None:
        """The account the user works for on a day."""
        return self.moves[1] if self.moves is not None and day >= self.moves[0] else self.account


@dataclass
class People:
    """Everyone of one tenant."""

    accounts: list[Account]
    users: list[User]
    monitor: User | None = None
    seats_raised: dict[str, tuple[int, int]] = field(default_factory=dict)
    csm_left: tuple[int, str, str] | None = None


def settle(tenant: SimulatedTenant, rng: Random, days: int, first_day: date) -> People:
    """The accounts and users of a tenant, drawn once."""
    accounts = [
        _account(tenant, rng, number, named, days, first_day)
        for number, named in enumerate(companies(rng, tenant.accounts))
    ]
    users: list[User] = []
    for account in accounts:
        users += _staff(tenant, rng, account, days, first_day, len(users))
    _arrange(rng, users, days)
    users += [_stranger(tenant, rng, n, days, first_day) for n in range(3)]
    people = People(accounts, users)
    for account in accounts:
        if account.lifecycle == "growing" and rng.random() < 0.6:
            people.seats_raised[account.id] = (int(days * rng.uniform(0.4, 0.9)), round(account.seats * 1.4) + 2)
    if len(tenant.csms) > 2:
        people.csm_left = (int(days * 0.6), tenant.csms[-1], tenant.csms[0])
    if tenant.monitor:
        home = next(account for account in accounts if account.lifecycle == "steady")
        people.monitor = _user(tenant, rng, f"{tenant.slug[:3]}-monitor", home, 0, first_day, days)
    return people


def _account(
    tenant: SimulatedTenant, rng: Random, number: int, named: tuple[str, str], days: int, first_day: date
) -> Account:
    name, industry = named
    # Lifecycles are dealt in turn, not drawn: even a small tenant has one of each.
    deck = [kind for kind, share in LIFECYCLES.items() for _ in range(round(share * 50))]
    lifecycle = deck[number * 7 % len(deck)]
    segment, _, size = rng.choices(_SEGMENTS, [share for _, share, _ in _SEGMENTS])[0]
    opens, closes = rng.randrange(0, max(1, days // 20)), days
    created = first_day - timedelta(days=rng.randrange(40, 900))
    if lifecycle == "new":
        opens = rng.randrange(days // 3, max(days // 3 + 1, days * 5 // 6))
        created = first_day + timedelta(days=max(0, opens - 3))
    elif lifecycle == "silent":
        closes = max(1, int(days * rng.uniform(0.4, 0.85)))
    elif lifecycle == "never":
        opens, closes = days, days
        created = first_day + timedelta(days=days // 4)
    last_day = first_day + timedelta(days=days - 1)
    due = created
    while due <= last_day:
        due += timedelta(days=365)
    people = max(2, round(tenant.users_per_account * size * rng.uniform(0.7, 1.3)))
    return Account(
        id=f"{tenant.slug[:3]}-{1000 + number}",
        name=name,
        industry=industry,
        segment=segment,
        country=rng.choice(list(COUNTRIES)),
        csm=rng.choice(tenant.csms) if tenant.csms else "",
        lifecycle=lifecycle,
        created=created,
        renewal=due,
        seats=max(people, round(people * rng.uniform(1.0, 1.9))),
        opens=opens,
        closes=closes,
        size=people,
    )


def _staff(
    tenant: SimulatedTenant, rng: Random, account: Account, days: int, first_day: date, number: int
) -> list[User]:
    staff = []
    for n in range(int(account.size)):
        late = account.lifecycle in ("growing", "new") and rng.random() < 0.5
        joins = rng.randrange(account.opens, max(account.opens + 1, account.closes)) if late else account.opens
        staff.append(_user(tenant, rng, f"{tenant.slug[:3]}-u{number + n:05d}", account, joins, first_day, days))
    return staff


def _user(
    tenant: SimulatedTenant, rng: Random, id: str, account: Account | None, joins: int, first_day: date, days: int
) -> User:
    first, last = person(rng)
    channel = rng.choices(
        ("web", "mobile", "server"), (1 - tenant.mobile - tenant.server, tenant.mobile, tenant.server)
    )[0]
    skew = 0
    if channel != "server" and rng.random() < tenant.skewed:
        skew = rng.choice((rng.randrange(-90, 90) * 60_000, rng.randrange(-3, 4) * 86_400_000, -40 * 365 * 86_400_000))
    created = first_day + timedelta(days=joins) if joins else (account.created if account else first_day)
    return User(
        id=id,
        account=account,
        first=first,
        last=last,
        role=rng.choice(_ROLES),
        joins=joins,
        rate=rng.choices((0.62, 0.3, 0.08), (0.2, 0.45, 0.35))[0] * rng.uniform(0.7, 1.3),
        channel=channel,
        knows="nothing" if account is None else rng.choices(("context", "group", "users"), (0.6, 0.2, 0.2))[0],
        offset_hours=COUNTRIES[account.country] if account else 0,
        skew_ms=skew,
        device=f"{rng.getrandbits(64):016x}",
        features=tuple(feature for feature in tenant.features if rng.random() < feature.reach) or tenant.features[:1],
        created=max(created, account.created) if account else created,
        browses_first=8 < joins < days and channel == "web" and rng.random() < 0.6,
        says_both=channel == "web" and rng.random() < 0.3,
    )


def _stranger(tenant: SimulatedTenant, rng: Random, n: int, days: int, first_day: date) -> User:
    """A user whom no CRM row and no group call explains: the counted bucket `unresolved`."""
    user = _user(tenant, rng, f"{tenant.slug[:3]}-guest{n}", None, rng.randrange(0, max(1, days // 2)), first_day, days)
    user.rate, user.browses_first, user.channel = 0.1, False, "server"
    return user


def _arrange(rng: Random, users: list[User], days: int) -> None:
    """Some users move, some were renamed by an alias, some share a device with a colleague."""
    steady = [u for u in users if u.account is not None and u.account.lifecycle == "steady" and u.joins < days // 8]
    chosen = rng.sample(steady, min(len(steady), 14))
    for mover in chosen[:4]:
        others = [u.account for u in steady if u.account is not mover.account]
        target = rng.choice(others) if others else None
        if target is not None and days > 20:
            mover.moves = (int(days * rng.uniform(0.4, 0.7)), target)
    for renamed in chosen[4:8]:
        renamed.alias_of, renamed.renamed_on = f"trial-{renamed.device[:8]}", renamed.joins + days // 6 + 1
        renamed.knows, renamed.says_both, renamed.browses_first = "context", False, False
    near = [u for u in chosen[8:] if u.offset_hours in (0, 1)]
    for first, second in zip(near[::2], near[1::2], strict=False):
        second.device = first.device
        for turn, user in enumerate((first, second)):
            # They take turns by the day, so that who used the device last is never in doubt.
            user.turn, user.channel, user.says_both, user.browses_first, user.skew_ms = turn, "web", False, False, 0


def currency_of(account: Account) -> str:
    """ISO 4217 code the account is billed in."""
    return "EUR" if account.country in EURO else "GBP" if account.country == "GB" else "USD"
