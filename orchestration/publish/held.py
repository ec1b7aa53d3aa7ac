"""Tenants that are held back, in words: one sentence for executives, and what operators need to mend it.

verdict ─▶ sentence() ─▶ trust.held_reason, the dashboards' tile        manifest ─▶ held_tenants() ─▶ command line
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from orchestration.audit.verdict import SHARD, Verdict
from warehouse_models.published.manifest import Manifest


@dataclass(frozen=True)
class HeldTenant:
    """A tenant that is held: `since` (ISO time), `reason` (the sentence), the failing checks, how to go on.

    `checks`: the worst first, each {"check", "kind", "about" (address of a table), "words", "rows"}.
    """

    tenant: str
    shard: str
    since: str
    reason: str
    checks: tuple[Mapping[str, Any], ...]
    next_step: str

    @property
    def named(self) -> str:
        """The failing checks by name, each with its table and rows; at most three."""
        told = [
            f"{check['check']} ({check['about'] or 'the whole shard'}, {check['rows']:,} rows)"
            for check in self.checks[:3]
        ]
        more = [f"and {len(self.checks) - 3} more"] if len(self.checks) > 3 else []
        return ", ".join([*told, *more])


def sentence(found: str, since: date, through: date | None) -> str:
    """`trust.held_reason`: since when, what was found (words of the checks), and of when the figures shown are.

    >>> sentence("some users appear twice on one day", date(2026, 11, 3), date(2026, 11, 2))
    'Held since 3 Nov: some users appear twice on one day; figures are of 2 Nov'
    """
    same_year = through is None or through.year == since.year
    figures = "no figures have been published yet" if through is None else f"figures are of {_day(through, same_year)}"
    return f"Held since {_day(since, same_year)}: {found}; {figures}"


def failed_checks(verdict: Verdict) -> list[dict[str, Any]]:
    """The failing checks of a verdict for the manifest, the worst first."""
    return [
        {"check": check.name, "kind": check.kind, "about": check.about, "words": check.words, "rows": check.rows}
        for check in verdict.ranked
    ]


def held_tenants(manifest: Manifest | None, shard: str | None = None) -> list[HeldTenant]:
    """Every held tenant of a manifest (of one shard), by name."""
    found = []
    for slug, entry in sorted(manifest.tenants.items() if manifest else ()):
        if not entry["is_held"] or shard not in (None, entry["shard"]):
            continue
        # Manifests of before the names of checks stood in them lack these two.
        checks = tuple(entry.get("failed_checks") or ())
        since = entry.get("held_since") or entry["published_at"]
        step = _next_step({check["kind"] for check in checks}, [check["about"] for check in checks])
        found.append(HeldTenant(slug, entry["shard"], since, entry["held_reason"], checks, step))
    return found


def since_of(entry: Mapping[str, Any] | None, now: datetime) -> str:
    """ISO time at which the hold of a manifest's entry began; `now` where it is not held."""
    if not entry or not entry["is_held"]:
        return now.isoformat()
    return str(entry.get("held_since") or entry["published_at"])


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
