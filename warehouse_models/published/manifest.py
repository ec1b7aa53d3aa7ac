"""The manifest of what is published: one small JSON file, swapped atomically, naming every file and version.

    published/manifest.json          the present
    published/manifests/<n>.json     the past, by the retention rule: any of them gives its figures back

Standard library only: the serving side reads it from Superset's environment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from warehouse_models.files import write_atomically
from warehouse_models.published.publication import Pins, Publication


@dataclass(frozen=True)
class AllFile:
    """The file over all tenants: its path below the published root, and its version."""

    file: str
    version: int


@dataclass(frozen=True)
class Manifest:
    """One state of everything published.

    `tenants`: slug → its publication. `all`: the file over all tenants. `tables`: shard → {address of a silver or gold
    table: Delta version}.
    """

    number: int
    published_at: datetime | None
    tenants: Mapping[str, Publication] = field(default_factory=dict)
    all: AllFile | None = None
    tables: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> Manifest:
        """The state before the first publication."""
        return cls(0, None)

    @classmethod
    def read(cls, published_root: Path | str, number: int | None = None) -> Manifest | None:
        """The present manifest, or a kept past one by number; None where there is none."""
        root = Path(published_root)
        path = root / "manifest.json" if number is None else root / "manifests" / f"{number}.json"
        try:
            return cls.parse(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """A manifest out of its JSON text, of this release or an earlier one."""
        content = json.loads(text)
        published_at, everything = content["published_at"], content["all"]
        return cls(
            content["manifest"],
            datetime.fromisoformat(published_at) if published_at else None,
            {slug: Publication.parse(entry) for slug, entry in content["tenants"].items()},
            AllFile(everything["file"], everything["version"]) if everything else None,
            content["tables"],
        )

    @classmethod
    def kept(cls, published_root: Path | str) -> list[Manifest]:
        """Every manifest still on disk, oldest first, the present one included."""
        folder = Path(published_root) / "manifests"
        numbers = sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit())
        manifests = [cls.read(published_root, number) for number in numbers]
        return [manifest for manifest in manifests if manifest is not None]

    def of_shard(self, shard: str) -> dict[str, Publication]:
        """The publications of one shard's tenants, by slug."""
        return {slug: publication for slug, publication in self.tenants.items() if publication.shard == shard}

    def pins(self) -> Iterator[Pins]:
        """Every version that anything published reads: each shard's tables, and silver of each tenant's views."""
        for shard, versions in self.tables.items():
            yield Pins(shard, versions)
        for publication in self.tenants.values():
            yield publication.pins

    def files(self) -> set[str]:
        """Every file that the manifest names, by its path below the published root."""
        named = {publication.file for publication in self.tenants.values() if publication.file}
        return named | {self.all.file} if self.all else named

    def file_of(self, published_root: Path | str, tenant: str) -> Path | None:
        """Path of a tenant's file; None where it was never published."""
        publication = self.tenants.get(tenant)
        return Path(published_root) / publication.file if publication and publication.file else None

    def all_file(self, published_root: Path | str) -> Path | None:
        """Path of the file over all tenants; None before the first publication."""
        return Path(published_root) / self.all.file if self.all else None

    def to_json(self) -> str:
        """The JSON text of the manifest, readable by every release before."""
        content = {
            "manifest": self.number,
            "published_at": self.published_at.isoformat() if self.published_at else None,
            "tenants": {slug: publication.to_json() for slug, publication in self.tenants.items()},
            "all": asdict(self.all) if self.all else None,
            "tables": self.tables,
        }
        return json.dumps(content, indent=1, sort_keys=True) + "\n"

    def write(self, published_root: Path | str) -> None:
        """Make this the present manifest. The past copy first: a kill between the two leaves the old state."""
        root = Path(published_root)
        (root / "manifests").mkdir(parents=True, exist_ok=True)
        for path in (root / "manifests" / f"{self.number}.json", root / "manifest.json"):
            # One writer at a time, so one name: what a kill leaves is used up by the next swap, not kept for ever.
            write_atomically(path, self.to_json(), "writing")
