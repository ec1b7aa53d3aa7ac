"""Which past publications are kept: all of some days, then the last of each day (publishing.v1.yaml).

A file is removed only when no kept manifest names it, so any kept manifest gives its figures back. The same manifests
tell which Delta versions vacuum must spare.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.locks import manifest_lock
from warehouse_models.published import replica
from warehouse_models.published.manifest import Manifest


@cache
def policy() -> dict[str, Any]:
    """Values of the publishing policy."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("publishing.v1.yaml").read_text(encoding="utf-8"))
    return loaded


def kept(manifests: Iterable[Manifest], now: datetime) -> list[Manifest]:
    """Those of `manifests` (oldest first) that the policy keeps; the last one always."""
    ordered = list(manifests)
    all_since = now - timedelta(days=policy()["keep_all_days"])
    daily_since = now - timedelta(days=policy()["keep_daily_days"])
    last_of_day = {_time(manifest).date(): manifest.number for manifest in ordered}
    keep = []
    for manifest in ordered:
        moment = _time(manifest)
        is_last_of_day = last_of_day[moment.date()] == manifest.number
        if manifest is ordered[-1] or moment >= all_since or (moment >= daily_since and is_last_of_day):
            keep.append(manifest)
    return keep


def prune(root: Path, now: datetime | None = None) -> int:
    """Remove what no kept manifest names; the number of files removed.

    Files newer than the present manifest belong to a publication that is being written: they stay.
    """
    with manifest_lock(root, "the removal of old publications"):
        present, _ = replica.present(root)
        if present.number == 0:
            return 0
        originals = replica.originals(root)
        ordered = [manifest for manifest in Manifest.kept(root) if manifest.number <= present.number]
        keep = kept(ordered, now or datetime.now(UTC))
        named = {f"manifests/{manifest.number}.json" for manifest in keep}.union(*(one.files() for one in keep))
        newest = {slug: publication.version for slug, publication in present.tenants.items()}
        newest |= {"_all": present.number, "manifests": present.number}
        files = [path for path in sorted(root.glob("*/*")) if path.suffix in (".duckdb", ".json")]
        removed = 0
        for path in files:
            if _is_old(path.relative_to(root).as_posix(), named, newest):
                path.unlink()
                removed += path.suffix == ".duckdb"
        replica.remove(name for name in originals if _is_old(name, named, newest))
        return removed


def _is_old(name: str, named: set[str], newest: dict[str, int]) -> bool:
    """Whether a published file or a past manifest, `<folder>/<number>[.<hash>].<kind>`, is named by nothing kept."""
    folder, _, file = name.partition("/")
    number = file.partition(".")[0]
    return number.isdigit() and name not in named and int(number) <= newest.get(folder, -1)


def pinned_versions(root: Path) -> dict[str, dict[str, set[int]]]:
    """Shard → address → Delta versions that a kept manifest names: vacuum spares the files of each."""
    versions: dict[str, dict[str, set[int]]] = {}
    replica.originals(root)
    for manifest in Manifest.kept(root):
        for pins in manifest.pins():
            for address, version in pins.versions.items():
                versions.setdefault(pins.shard, {}).setdefault(address, set()).add(version)
    return versions


def _time(manifest: Manifest) -> datetime:
    return manifest.published_at or datetime(1970, 1, 1, tzinfo=UTC)
