"""One tenant's entry in the manifest, and the Delta versions that a file's views are pinned to.

    manifest.json  "tenants": {slug: {…}}  ─▶ Publication.parse ─▶ Publication ─▶ to_json ─▶ the same keys

Manifests of earlier releases are kept for months and lack keys that came later: what such a key means is decided here,
at the border, and nowhere else. Keys that a later release adds are kept as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class Pins:
    """Delta versions at which the tables of one shard are read: address (`silver/…`, `gold/…`) → version."""

    shard: str
    versions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FailedCheck:
    """A check that a tenant failed: its name, kind, the table it is about, its sentence, the tenant's failing rows."""

    check: str
    kind: str
    about: str = ""
    words: str = ""
    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What is published of one tenant.

    `file`: path below the published root, None: never published. `version`: of the file, 0: never; `figures_version`:
    the one whose figures it shows (a held tenant's later versions are copies of it). `published_at`: when this version
    was published, `figures_at`: when its figures were. `run`: build run the figures are of, `judged`: build run the
    verdict is of (newer than `run` where held).

    `held_reason`: the sentence, `held_since`: both None where not held. `checks` and `contracts`: hashes of the checks
    that judged it and of the columns its file has. `patches`: how often the file was patched since it was written
    anew. `first_day`, `data_through`: the days of its data. `revenue_through`: the last day of revenue, None where
    nobody ever paid; `says_revenue` is False where an older release wrote the entry and did not say. `silver`:
    versions that the file's views are pinned to. `landed_through`, `event_lag_seconds`: what of the collector's events
    it shows, and how long the slowest new one waited. `extra`: keys of a later release.
    """

    shard: str
    file: str | None = None
    version: int = 0
    figures_version: int = 0
    published_at: datetime | None = None
    figures_at: datetime | None = None
    run: int = 0
    judged: int = 0
    is_held: bool = False
    held_reason: str | None = None
    held_since: datetime | None = None
    checks_failed: int = 0
    failed_checks: tuple[FailedCheck, ...] = ()
    checks: str = ""
    contracts: str = ""
    patches: int = 0
    first_day: date | None = None
    data_through: date | None = None
    revenue_through: date | None = None
    says_revenue: bool = True
    landed_through: datetime | None = None
    event_lag_seconds: int | None = None
    silver: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pins(self) -> Pins:
        """The versions of silver that its file's views are pinned to."""
        return Pins(self.shard, self.silver)

    @property
    def has_revenue(self) -> bool:
        """Whether its file shows revenue; of an older release that did not say: yes, as that release showed it."""
        return self.file is not None and (not self.says_revenue or self.revenue_through is not None)

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Publication:
        """An entry of the manifest, of this release or an earlier one. ValueError: a time that is none."""
        values = {name: entry[name] for name in _KEYS if name in entry}
        values |= {name: datetime.fromisoformat(text) for name in _TIMES if (text := entry.get(name))}
        values |= {name: date.fromisoformat(text) for name in _DAYS if (text := entry.get(name))}
        # Releases before the names of checks stood in the manifest wrote neither these nor since when it is held.
        values["failed_checks"] = tuple(_failed_check(check) for check in entry.get("failed_checks") or ())
        is_held = bool(entry.get("is_held"))
        if is_held and not values.get("held_since"):
            values["held_since"] = values.get("published_at")
        # Before figures had a version of their own, that of a held tenant was not kept: 0 compares with nothing.
        values.setdefault("figures_version", 0 if is_held else values.get("version", 0))
        extra = {name: value for name, value in entry.items() if name not in _KEYS}
        return cls(**values, says_revenue="revenue_through" in entry, extra=extra)

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON values, readable by every release before."""
        entry = {**self.extra, **{name: _plain(getattr(self, name)) for name in _KEYS}}
        if not self.says_revenue:
            del entry["revenue_through"]
        return entry


_TIMES = ("published_at", "figures_at", "held_since", "landed_through")
_DAYS = ("first_day", "data_through", "revenue_through")
_KEYS = tuple(one.name for one in fields(Publication) if one.name not in ("says_revenue", "extra"))
_CHECK_KEYS = tuple(one.name for one in fields(FailedCheck))


def _failed_check(entry: Mapping[str, Any]) -> FailedCheck:
    return FailedCheck(**{name: entry[name] for name in _CHECK_KEYS if name in entry})


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [{name: getattr(check, name) for name in _CHECK_KEYS} for check in value]
    return dict(value) if isinstance(value, Mapping) else value
