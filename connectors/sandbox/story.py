"""What happens in a sandbox tenant, day by day: visits of users and strangers, told to the truth as they are made.

A visit is a session by construction: its events lie at most 30 minutes apart (some exactly 30), and the next visit of
the same person begins more than 30 minutes after its end (some by a millisecond).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from connectors.sandbox.people import Account, People, User
from connectors.sandbox.tenants import SimulatedTenant
from connectors.sandbox.truth import Truth

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
GAP = 30 * MINUTE
_LONGEST = 4 * HOUR
_MONITOR_FROM, _MONITOR_DAYS, _MONITOR_EVERY = 20, 9.5, 15 * MINUTE


@dataclass(slots=True)
class Moment:
    """One thing that happened: when it truly happened (UTC milliseconds) and what a tracker would say about it."""

    at: int
    type: str
    name: str | None = None
    user: str | None = None
    anonymous: str | None = None
    previous: str | None = None
    group: str | None = None
    context_group: str | None = None
    channel: str = "web"
    skew: int = 0
    offset_hours: int = 0
    flushed: int | None = None
    traits: dict[str, str] | None = None
    is_plain: bool = False


class Story:
    """The simulation of one tenant. `moments(day)` must be called for every day in turn."""

    def __init__(
        self, tenant: SimulatedTenant, people: People, rng: Random, days: int, first_day: date, truth: Truth
    ) -> None:
        self.tenant, self.people, self.rng, self.days, self.truth = tenant, people, rng, days, truth
        self.first_day = first_day
        self.zero = (first_day - date(1970, 1, 1)).days * DAY
        self.end = self.zero + days * DAY
        self._last: dict[str, int] = {}

    def moments(self, day: int) -> Iterator[list[Moment]]:
        """The visits that begin on a day, each a list of moments in order of time."""
        busy = self.tenant.weekend if (self.first_day + timedelta(days=day)).weekday() >= 5 else 1.0
        for user in self.people.users:
            yield from self._user_day(user, day, busy)
        yield from self._visitors(day, busy)
        if self.people.monitor is not None and day == _MONITOR_FROM and self.days > 2 * _MONITOR_FROM:
            yield self._monitor(self.people.monitor)

    # -- users ---------------------------------------------------------------------------------------------------------
    def _user_day(self, user: User, day: int, busy: float) -> Iterator[list[Moment]]:
        rng = self.rng
        if user.browses_first and user.joins - 7 <= day < user.joins:
            if rng.random() < 0.25:
                yield self._browse(user, day)
            return
        account = user.account_on(day)
        if day < user.joins or (user.turn is not None and day % 2 != user.turn):
            return
        level = 1.0 if account is None else account.level(day, self.days)
        # Who browsed before must log in once, and who was renamed must be told so: else the story would not be true.
        must = (day == user.joins and user.browses_first) or (user.alias_of is not None and day == user.renamed_on)
        if level <= 0 or not (must or rng.random() < user.rate * busy * level):
            return
        yield self._visit(user, day)
        if rng.random() < 0.22:
            yield self._visit(user, day)

    def _visit(self, user: User, day: int) -> list[Moment]:
        rng = self.rng
        at = self._start(user.id, day, user.offset_hours)
        if at >= self.end:
            return []
        sent_id = user.alias_of if user.alias_of is not None and day < user.renamed_on else user.id
        made: list[Moment] = []

        def say(kind: str, **more: object) -> Moment:
            moment = Moment(at, kind, sent_id, user=sent_id, channel=user.channel, skew=user.skew_ms)
            moment.name, moment.offset_hours = None, user.offset_hours
            if user.knows == "context" and (here := user.account_on(self._day(at))) is not None:
                moment.context_group = here.id
            if user.says_both:
                moment.anonymous = user.device
            for name, value in more.items():
                setattr(moment, name, value)
            made.append(moment)
            self.truth.event(at, user.id, None, self._account(user, at), moment.type, moment.name)
            return moment

        if not user.is_known or user.turn is not None:
            traits = {"email": email(user), "name": f"{user.first} {user.last}"}
            say("identify", anonymous=user.device if user.channel != "server" else None, traits=traits)
            user.is_known = True
            at += rng.randrange(20, 400)
        if user.alias_of is not None and day == user.renamed_on and sent_id == user.id:
            say("alias", previous=user.alias_of)
            at += rng.randrange(20, 400)
        if user.knows == "group" and user.has_grouped is not user.account_on(self._day(at)):
            user.has_grouped = user.account_on(self._day(at))
            say("group", group=user.has_grouped.id if user.has_grouped else None)
            at += rng.randrange(20, 400)
        first = at
        if user.turn is not None:
            # After the log-in, one page without it: it belongs to whoever claimed the device last.
            say("page", name=rng.choice(self.tenant.pages), user=None, anonymous=user.device, context_group=None)
            at += 5 * SECOND
        count = 1 + min(40, int(rng.expovariate(0.24)))
        last = at
        for number in range(count):
            if number:
                at += self._pause()
            if at >= self.end or at > first + _LONGEST:
                break
            self._act(user, at, day, say)
            last = at
            if rng.random() < 0.002:
                self._act(user, at, day, say)
        self._close(user.id, None, self._account(user, first), first, last, made)
        self._flush_late(user, made)
        return made

    def _act(self, user: User, at: int, day: int, say: object) -> None:
        rng = self.rng
        launched = [f for f in user.features if day >= f.launched * self.days]
        if not launched or (user.channel != "server" and rng.random() < 0.28):
            kind = "screen" if user.channel == "mobile" else "page"
            say(kind, name=rng.choice(self.tenant.pages))  # type: ignore[operator]
        else:
            feature = rng.choices(launched, [f.weight for f in launched])[0]
            say("track", name=feature.event)  # type: ignore[operator]

    def _browse(self, user: User, day: int) -> list[Moment]:
        """A visit before the sign-up: anonymous then, the user's own after the claim."""
        at = first = self._start(user.id, day, user.offset_hours)
        made: list[Moment] = []
        if at >= self.end:
            return made
        for number in range(self.rng.randrange(1, 5)):
            at += self._pause() if number else 0
            if at >= self.end:
                break
            made.append(
                Moment(at, "page", self.rng.choice(self.tenant.pages), anonymous=user.device, skew=user.skew_ms)
            )
            self.truth.event(at, user.id, None, self._account(user, at), "page", None)
        self._close(user.id, None, self._account(user, first), first, made[-1].at, made)
        return made

    def _account(self, user: User, at: int) -> str | None:
        """The account of an event: told, or last grouped, or what the users row says at that time."""
        if user.knows == "group" and user.has_grouped is not None:
            return user.has_grouped.id
        account = user.account_on(self._day(at))
        return None if account is None else account.id

    def _flush_late(self, user: User, made: list[Moment]) -> None:
        """A phone without a network keeps a whole visit and sends it hours or days later."""
        if user.channel == "mobile" and made and self.rng.random() < self.tenant.offline:
            hours = self.rng.choice((2, 5, 9, 26, 50, 120))
            flushed = min(made[-1].at + int(hours * HOUR * self.rng.uniform(0.6, 1.2)), self.end - 1)
            for moment in made:
                moment.flushed = flushed

    # -- strangers and machines ----------------------------------------------------------------------------------------
    def _visitors(self, day: int, busy: float) -> Iterator[list[Moment]]:
        rng = self.rng
        for _ in range(round(self.tenant.visitors_per_day * (0.5 + busy / 2) * rng.uniform(0.4, 1.6))):
            anonymous = f"{rng.getrandbits(64):016x}"
            # Some come through a widget inside a customer's portal, which says whose it is.
            hosts = [a for a in self.people.accounts if a.level(day, self.days) > 0]
            host: Account | None = rng.choice(hosts) if hosts and rng.random() < 0.1 else None
            at = first = self._start(anonymous, day, 0)
            made = []
            for number in range(rng.randrange(1, 6)):
                at += self._pause() if number else 0
                if at >= self.end:
                    break
                page = rng.choice(("Landing", "Pricing", "Tour"))
                made.append(Moment(at, "page", page, anonymous=anonymous, context_group=host.id if host else None))
                self.truth.event(at, None, anonymous, host.id if host else None, "page", None)
            self._close(None, anonymous, host.id if host else None, first, made[-1].at, made)
            del self._last[anonymous]
            yield made

    def _monitor(self, user: User) -> list[Moment]:
        """A machine that never pauses: cut at the first event of each day after its second."""
        assert user.account is not None
        first = self.zero + _MONITOR_FROM * DAY + 9 * HOUR + 7 * MINUTE
        run: list[Moment] = []
        part: list[Moment] = []
        for number in range(int(_MONITOR_DAYS * DAY / _MONITOR_EVERY)):
            at = first + number * _MONITOR_EVERY
            day = self._day(at)
            if part and day >= _MONITOR_FROM + 2 and day != self._day(part[-1].at):
                self.truth.session(user.id, None, user.account.id, part[0].at, part[-1].at, len(part))
                part = []
            part.append(
                Moment(at, "track", "Status Polled", user=user.id, context_group=user.account.id, channel="server")
            )
            part[-1].is_plain = True
            run.append(part[-1])
            self.truth.event(at, user.id, None, user.account.id, "track", "Status Polled")
        self.truth.session(user.id, None, user.account.id, part[0].at, part[-1].at, len(part))
        return run

    # -- time ----------------------------------------------------------------------------------------------------------
    def _start(self, who: str, day: int, offset_hours: int) -> int:
        rng = self.rng
        hour = (rng.triangular(7.5, 18.5, 10.5) - offset_hours) % 24
        at = self.zero + day * DAY + int(hour * HOUR)
        last = self._last.get(who)
        if last is not None and at <= last + GAP:
            at = last + GAP + 1 + (0 if rng.random() < 0.1 else rng.randrange(0, 20 * MINUTE))
        return at

    def _pause(self) -> int:
        if self.rng.random() < 0.004:
            return GAP
        return min(27 * MINUTE, max(SECOND, int(self.rng.expovariate(1 / (140 * SECOND)))))

    def _close(
        self, user: str | None, anonymous: str | None, account: str | None, first: int, last: int, made: list[Moment]
    ) -> None:
        qualifying = sum(moment.type in ("track", "page", "screen") for moment in made)
        self.truth.session(user, anonymous, account, first, last, qualifying)
        self._last[user or anonymous or ""] = last

    def _day(self, at: int) -> int:
        return (at - self.zero) // DAY


def email(user: User) -> str:
    """The user's address at a domain that cannot exist."""
    domain = "".join(c for c in (user.account.name if user.account else "guest").lower() if c.isalnum())
    return f"{user.first}.{user.last}.{user.id[-3:]}@{domain}.example".lower()
