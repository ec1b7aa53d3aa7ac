"""The trail: what each commit consumed and changed, read from the Delta log instead of diffing files.

A commit's metadata `{"tenure": {...}}` holds, for a landing: `batch_id`, `landed_dates`, `tenants`; for a transform:
`definition`, `inputs` (address → consumed version), `settings` (tenant → hash), `slices` (tenant → dates or null; null
as a whole: everything). Compactions change no data and are skipped; any other commit without a trail means that
nobody knows what changed, so readers refresh in full.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from deltalake import DeltaTable

from warehouse_models.lake.slices import Slices, union

_NO_DATA_CHANGE = {"OPTIMIZE", "VACUUM START", "VACUUM END", "CREATE TABLE", "SET TBLPROPERTIES", "FSCK"}


@dataclass(frozen=True)
class Trail:
    """Changes of one table in a range of versions; `full` means: unknown or everything."""

    version: int | None
    full: bool
    slices: Slices = field(default_factory=dict)
    batches: frozenset[str] = frozenset()
    landed_dates: frozenset[date] = frozenset()

    @classmethod
    def nothing(cls, version: int | None) -> Trail:
        """A range in which nothing changed."""
        return cls(version=version, full=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return not self.full and not self.slices


def read_trail(table: DeltaTable, after: int | None) -> Trail:
    """What changed in `table` after version `after` up to its loaded version; None or a gap gives a full trail."""
    version = table.version()
    if after is None or after > version:
        return Trail(version=version, full=True)
    if after == version:
        return Trail.nothing(version)
    commits = [commit for commit in table.history(version - after) if commit["version"] > after]
    if len(commits) < version - after:
        return Trail(version=version, full=True)
    parts: list[Slices] = []
    batches: set[str] = set()
    landed: set[date] = set()
    for commit in commits:
        metadata = tenure_metadata(commit)
        if metadata is None:
            if commit.get("operation") in _NO_DATA_CHANGE:
                continue
            return Trail(version=version, full=True)
        if metadata.get("slices", {}) is None:
            return Trail(version=version, full=True)
        parts.append(decode_slices(metadata.get("slices") or dict.fromkeys(metadata.get("tenants", []))))
        if "batch_id" in metadata:
            batches.add(metadata["batch_id"])
            landed.update(date.fromisoformat(day) for day in metadata["landed_dates"])
    return Trail(version, False, union(parts), frozenset(batches), frozenset(landed))


def tenure_metadata(commit: dict[str, Any]) -> dict[str, Any] | None:
    """Our part of a commit's metadata, or None where the commit is not ours."""
    try:
        metadata = json.loads(commit.get("userMetadata") or "null")
    except ValueError:
        return None
    return metadata.get("tenure") if isinstance(metadata, dict) else None


def last_metadata(table: DeltaTable) -> dict[str, Any] | None:
    """Our metadata of the newest commit that has any, looking back in growing steps."""
    limit = 4
    while True:
        history = table.history(limit)
        for commit in history:
            metadata = tenure_metadata(commit)
            if metadata is not None:
                return metadata
        if len(history) < limit:
            return None
        limit *= 8


def landing_trail(batch_id: str, landed_dates: list[date], tenants: list[str]) -> dict[str, Any]:
    """Trail of a landing: the batch, the partitions it wrote, the tenants it wrote for."""
    return {
        "batch_id": batch_id,
        "landed_dates": sorted(day.isoformat() for day in landed_dates),
        "tenants": sorted(tenants),
    }


def encode_slices(slices: Slices | None) -> dict[str, list[str] | None] | None:
    """Slices as JSON values; None stays None (everything)."""
    if slices is None:
        return None
    return {
        tenant: None if dates is None else sorted(day.isoformat() for day in dates) for tenant, dates in slices.items()
    }


def decode_slices(encoded: dict[str, list[str] | None]) -> dict[str, frozenset[date] | None]:
    """The inverse of `encode_slices` for a mapping."""
    return {
        tenant: None if dates is None else frozenset(date.fromisoformat(day) for day in dates)
        for tenant, dates in encoded.items()
    }
