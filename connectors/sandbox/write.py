"""Write a sandbox world to files: what a customer would hand over, and beside it the true answers.

    <directory>/<tenant>/events.jsonl.gz  accounts.csv  users.jsonl  subscriptions.csv  exchange_rates.csv
                        truth/users_daily.csv  sessions.csv  active_days.csv  features_daily.csv  totals.json
                              mrr_daily.csv

Alone: write_world(Path("world"), World(seed=7, days=180))
"""

from __future__ import annotations

import gzip
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random

from connectors.sandbox.billing import write_billing
from connectors.sandbox.crm import write_accounts, write_users
from connectors.sandbox.people import settle
from connectors.sandbox.story import DAY, MINUTE, Story
from connectors.sandbox.tenants import SimulatedTenant, default_tenants
from connectors.sandbox.truth import Truth
from connectors.sandbox.wire import Wire


@dataclass(frozen=True)
class World:
    """Simulated tenants over `days` days up to `last_day` (UTC, included). The same world gives the same bytes."""

    seed: int = 7
    days: int = 180
    tenants: Sequence[SimulatedTenant] = field(default_factory=default_tenants)
    last_day: date = date(2025, 6, 30)

    @property
    def first_day(self) -> date:
        """The first simulated day."""
        return self.last_day - timedelta(days=self.days - 1)


@dataclass(frozen=True)
class TenantFiles:
    """Where a tenant's files are, and what it reports in (ISO 4217). `truth` is a folder."""

    slug: str
    name: str
    shard: str
    currency: str
    events: Path
    accounts: Path
    users: Path
    subscriptions: Path
    exchange_rates: Path
    truth: Path

    @classmethod
    def of(cls, folder: Path, tenant: SimulatedTenant) -> TenantFiles:
        """The files of a tenant in its folder."""
        names = ("events.jsonl.gz", "accounts.csv", "users.jsonl", "subscriptions.csv", "exchange_rates.csv", "truth")
        return cls(tenant.slug, tenant.name, tenant.shard, tenant.currency, *(folder / name for name in names))


def write_world(
    directory: Path | str, world: World, on_progress: Callable[[str, int], None] | None = None
) -> list[TenantFiles]:
    """Write every tenant of the world below `directory`. `on_progress` gets (slug, days done).

    Memory holds one day of events and those still on their way, not the history.
    """
    return [_write_tenant(Path(directory) / tenant.slug, tenant, world, on_progress) for tenant in world.tenants]


def _write_tenant(
    folder: Path, tenant: SimulatedTenant, world: World, on_progress: Callable[[str, int], None] | None
) -> TenantFiles:
    folder.mkdir(parents=True, exist_ok=True)
    files = TenantFiles.of(folder, tenant)
    truth = Truth()
    people = settle(tenant, Random(f"{world.seed}:{tenant.slug}:people"), world.days, world.first_day)
    story = Story(tenant, people, Random(f"{world.seed}:{tenant.slug}:story"), world.days, world.first_day, truth)
    wire = Wire(tenant, Random(f"{world.seed}:{tenant.slug}:wire"), story.end, truth)
    waiting: list[tuple[int, int, bytes]] = []
    number = 0
    # No name and no time inside the archive: the same world gives the same bytes.
    with files.events.open("wb") as raw, gzip.GzipFile("", "wb", 4, raw, mtime=0) as out:
        for day in range(world.days):
            # Nothing that happens from now on can stand in the file before this moment.
            settled = story.zero + day * DAY - 10 * MINUTE
            while waiting and waiting[0][0] < settled:
                out.write(heapq.heappop(waiting)[2] + b"\n")
            for moments in story.moments(day):
                for moment in moments:
                    for place, line in wire.lines(moment):
                        number += 1
                        heapq.heappush(waiting, (place, number, line))
            if on_progress is not None:
                on_progress(tenant.slug, day + 1)
        while waiting:
            out.write(heapq.heappop(waiting)[2] + b"\n")
    write_accounts(files.accounts, people, world.first_day)
    write_users(files.users, people, world.first_day)
    billing = Random(f"{world.seed}:{tenant.slug}:billing")
    write_billing(folder, files.truth, tenant, people, billing, world.first_day, world.last_day)
    truth.write(files.truth, world.last_day)
    return files
