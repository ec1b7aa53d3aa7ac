"""What is published for a principal: its files, the folders of the lake that their views read, and a fingerprint."""

from __future__ import annotations

import hashlib
from pathlib import Path

from serving.principal import Principal
from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.published import replica
from warehouse_models.published.manifest import Manifest

# What the marts that are views read. A serving host knows no dbt project; a test compares it with the marts' YAML.
VIEWED = (
    "silver/collector/usage",
    "silver/product/activity",
    "silver/product/events",
    "silver/product/sessions",
)


def fingerprint(principal: Principal, published_root: Path | str | None = None) -> str:
    """Short text that differs between principals and between publications: the part of a cache key that is ours."""
    root = Path(published_root or home.published_root())
    return fingerprint_in(principal, replica.refresh(root) or Manifest.empty())


def fingerprint_in(principal: Principal, manifest: Manifest) -> str:
    """The fingerprint of what this manifest lists for the principal."""
    if principal.tenants is None:
        parts = ["*", str(manifest.all.version if manifest.all else None)]
    else:
        published = {slug: manifest.tenants.get(slug) for slug in sorted(principal.tenants)}
        parts = [f"{slug}={publication.file if publication else None}" for slug, publication in published.items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def current_manifest(root: Path) -> Manifest:
    """The manifest of today. TenureError where nothing was ever published."""
    manifest = replica.refresh(root)
    if manifest is None:
        raise TenureError("the published marts", f"nothing is published below {root}", "run `tenure run`")
    return manifest


def files_of(principal: Principal, manifest: Manifest, root: Path) -> list[Path]:
    """The files of the principal; tenants of a set that were never published are left out."""
    if principal.tenants is None:
        everything = manifest.all_file(root)
        if everything is None:
            raise TenureError("the published marts", "nothing is published yet", "run `tenure run`")
        return [everything]
    if not principal.tenants:
        raise TenureError("this user", "it is bound to no tenant", "bind it: `tenure user add NAME --tenant T`")
    named = {slug: manifest.file_of(root, slug) for slug in sorted(principal.tenants)}
    files = [file for file in named.values() if file is not None]
    if not files:
        unknown = [slug for slug in named if slug not in manifest.tenants]
        held = [str(manifest.tenants[slug].held_reason) for slug in named if slug not in unknown]
        why = held[0] if held else "nothing of it is published"
        raise TenureError(f"tenant {', '.join(named)}", why, "see `tenure tenant list`, land data and run `tenure run`")
    return files


def directories_of(principal: Principal, manifest: Manifest) -> list[str]:
    """Where the views of the attached files read: the principal's own partitions of silver, and gold for all tenants.

    The attached files themselves are open already and need no leave. A log names the files of every tenant of the
    shard; the files themselves stay closed.
    """
    lake = home.lake_root().rstrip("/")
    if principal.tenants is None:
        shards = set(manifest.tables) | {publication.shard for publication in manifest.tenants.values()}
        return [f"{lake}/shards/{shard}/{layer}" for shard in sorted(shards) for layer in ("silver", "gold")]
    folders = set()
    for slug in principal.tenants & manifest.tenants.keys():
        for address in VIEWED:
            table = f"{lake}/shards/{manifest.tenants[slug].shard}/{address}"
            folders |= {f"{table}/_delta_log", f"{table}/tenant_id={slug}"}
    return sorted(folders)
