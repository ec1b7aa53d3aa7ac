"""The sandbox world and a git history as tenants: written once under `<home>/sandbox`, landed like anybody's files.

world.json (seed, days, last day) ─▶ <tenant>/events.jsonl.gz, accounts.csv, users.jsonl, truth/ ─▶ land
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from connectors.landing.land import land
from connectors.landing.report import LandingReport
from connectors.sandbox import TenantFiles, World, write_world
from connectors.systems.git.history import read_git
from warehouse_models import home
from warehouse_models.catalog.tenants import DEFAULT_SHARD, Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

SEED, DAYS = 7, 180
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Landed:
    """One tenant of the world after landing: counts are rows."""

    tenant: str
    shard: str
    accepted: int
    duplicate: int
    quarantined: int


def folder() -> Path:
    """Where the sandbox's files are."""
    return home.home() / "sandbox"


def write_sandbox(tell: Tell, seed: int = SEED, days: int = DAYS, last_day: date | None = None) -> list[TenantFiles]:
    """The files of the world; written at the first call, found again later.

    `last_day` (default: yesterday at the first call) is kept in world.json, because a world that moved with the clock
    would land as a second one. TenureError where another world stands there already.
    """
    noted = folder() / "world.json"
    if noted.exists():
        note = json.loads(noted.read_text())
        if (note["seed"], note["days"]) != (seed, days) or last_day not in (None, date.fromisoformat(note["last_day"])):
            why = f"another world is there already (seed {note['seed']}, {note['days']} days to {note['last_day']})"
            raise TenureError("the sandbox world", why, f"create it in another TENURE_HOME, or remove {folder()}")
        world = World(seed=seed, days=days, last_day=date.fromisoformat(note["last_day"]))
        return [TenantFiles.of(folder() / tenant.slug, tenant) for tenant in world.tenants]
    # A world that was not written to its end has no note: it is written anew.
    shutil.rmtree(folder(), ignore_errors=True)
    world = World(seed=seed, days=days, last_day=last_day or datetime.now(UTC).date() - timedelta(days=1))
    files = write_world(folder(), world, lambda slug, done: tell(f"{slug}: day {done} of {days}"))
    noted.write_text(json.dumps({"seed": seed, "days": days, "last_day": world.last_day.isoformat()}))
    return files


def land_sandbox(lake: Lake, files: Sequence[TenantFiles], tell: Tell) -> list[Landed]:
    """Add the world's tenants to the catalog and land their files; landing them again adds nothing."""
    catalog = Catalog(lake)
    last_day = str(json.loads((folder() / "world.json").read_text())["last_day"])
    landed = []
    for tenant in files:
        if tenant.shard != DEFAULT_SHARD:
            catalog.add_shard(tenant.shard, "dedicated")
        reports_in = {"reporting_currency": tenant.currency}
        catalog.add_tenant(tenant.slug, tenant.shard, name=tenant.name, state="sandbox", settings=reports_in)
        parts = {
            "accounts": tenant.accounts,
            "users": tenant.users,
            "subscriptions": tenant.subscriptions,
            "exchange_rates": tenant.exchange_rates,
            "events": tenant.events,
        }
        landed.append(_land(lake, catalog, tenant.slug, parts, tell, last_day))
    return landed


def land_repository(lake: Lake, repository: Path, slug: str, name: str, tell: Tell) -> Landed:
    """Land the history of a git repository as tenant `slug` of the pool; new commits since the last time are added."""
    catalog = Catalog(lake)
    files = read_git([repository], folder() / f"git-{slug}", salt=slug)
    if files.is_shallow:
        tell(f"{name}: this clone is shallow, so only its newest {files.commits} commits are read")
    catalog.add_tenant(slug, name=name)
    parts = {"accounts": files.accounts, "users": files.users, "events": files.events}
    return _land(lake, catalog, slug, parts, tell)


def _land(
    lake: Lake,
    catalog: Catalog,
    slug: str,
    parts: dict[str, Path],
    tell: Tell,
    billed_to: str | None = None,
) -> Landed:
    """Land a tenant's files by object; `billed_to`: the day up to which its subscriptions are true."""
    reports: list[LandingReport] = []
    for kind, path in parts.items():
        reports.append(
            land(
                lake,
                catalog,
                slug,
                kind,
                [path],
                as_of=billed_to if kind == "subscriptions" else None,
                on_progress=lambda file: tell(f"{slug}: {file.object}, {file.rows:,} rows read"),
            )
        )
        if not reports[-1].is_complete:
            error = reports[-1].files[-1].error or "it could not be read to its end"
            raise TenureError(f"{slug}: {path.name}", error, "remove the sandbox folder and create it again")
    return Landed(
        slug,
        catalog.tenant(slug).shard,
        sum(report.accepted for report in reports),
        sum(report.duplicate for report in reports),
        sum(report.quarantined for report in reports),
    )
