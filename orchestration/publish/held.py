"""Tenants that are held back, in words: one sentence for executives, and what operators need to mend it.

verdict ─▶ sentence() ─▶ trust.held_reason, the dashboards' tile        manifest ─▶ held_tenants() ─▶ command line
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from orchestration.audit.verdict import SHARD, Verdict
from warehouse_models.published.manifest import Manifest
from warehouse_models.published.publication import FailedCheck, Publication


@dataclass(frozen=True)
class HeldTenant:
    """A tenant that is held: since when, `reason` (the sentence), the failing checks (worst first), how to go on."""

    tenant: str
    shard: str
    since: datetime | None
    reason: str
    checks: tuple[FailedCheck, ...]
    next_step: str

    @property
    def named(self) -> str:
        """The failing checks by name, each with its table and rows; at most three."""
        names = [f"{one.check} ({one.about or 'the whole shard'}, {one.rows:,} rows)" for one in self.checks[:3]]
        more = [f"and {len(self.checks) - 3} more"] if len(self.checks) > 3 else []
        return ", ".join([*names, *more])


def sentence(words: str, since: date, through: date | None) -> str:
    """`trust.held_reason`: since when, the words of the checks, and of when the figures shown are.

    >>> sentence("some users appear twice on one day", date(2026, 11, 3), date(2026, 11, 2))
    'Held since 3 Nov: some users appear twice on one day; figures are of 2 Nov'
    """
    same_year = through is None or through.year == since.year
    figures = "no figures have been published yet" if through is None else f"figures are of {_day(through, same_year)}"
    return f"Held since {_day(since, same_year)}: {words}; {figures}"


def failed_checks(verdict: Verdict) -> tuple[FailedCheck, ...]:
    """The failing checks of a verdict for the manifest, the worst first."""
    return tuple(FailedCheck(check.name, check.kind, check.about, check.words, check.rows) for check in verdict.ranked)


def held_tenants(manifest: Manifest | None, shard: str | None = None) -> list[HeldTenant]:
    """Every held tenant of a manifest (of one shard), by name."""
    held = []
    for slug, publication in sorted(manifest.tenants.items() if manifest else ()):
        if not publication.is_held or shard not in (None, publication.shard):
            continue
        checks = publication.failed_checks
        step = _next_step({check.kind for check in checks}, [check.about for check in checks])
        reason = str(publication.held_reason)
        held.append(HeldTenant(slug, publication.shard, publication.held_since, reason, checks, step))
    return held


def since_of(publication: Publication | None, now: datetime) -> datetime:
    """When the hold of a publication began; `now` where it is not held."""
    return publication.held_since or now if publication and publication.is_held else now


def _next_step(kinds: set[str], about: list[str]) -> str:
    if SHARD in kinds:
        return "mend what the failed run names (tenure run tells it), then tenure run"
    if "bronze_in" in kinds:
        return "see tenure quarantine list, land a corrected delivery (tenure land), then tenure run"
    where = f" under {about[0]}" if about and about[0] else ""
    mend = "land corrected data, or mend the setting or definition"
    return f"see the failing rows in Dagster{where}, then {mend}; tenure run"


def _day(day: date, without_year: bool) -> str:
    return f"{day.day} {day:%b}" if without_year else f"{day.day} {day:%b %Y}"
