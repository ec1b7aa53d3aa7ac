"""The manifest of what is published: one small JSON file, swapped atomically, naming every file and version.

    published/manifest.json          the present
    published/manifests/<n>.json     the past, by the retention rule: any of them gives its figures back

Standard library only: the serving side reads it from Superset's environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import get_ident
from typing import Any


@dataclass(frozen=True)
class Manifest:
    """One state of everything published.

    `tenants`: slug → {"file": path below the published root or None (never published), "version": int (0: never),
    "shard", "published_at": ISO time of this version, "figures_at": ISO time its figures were published or None,
    "is_held", "held_reason" (the sentence), "held_since" (ISO time or None), "checks_failed", "failed_checks" (list of
    {"check", "kind", "about", "words", "rows"}), "checks" and "contracts" (hashes of the checks that judged it and of
    the columns its file has), "data_through": ISO date or None, "revenue_through": the same of revenue, None where
    nobody ever paid (no such key: published by an older release, or never), "run": build run the figures are of,
    "judged": build run the verdict is of (newer than "run" where held), "silver": {address: version} that its views
    are pinned to}. `all`: {"file", "version"} of the file over all tenants. `tables`: shard → {address of a silver or
    gold table: Delta version}.
    """

    number: int
    published_at: str | None
    tenants: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    all: Mapping[str, Any] | None = None
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
        """A manifest out of its JSON text."""
        told = json.loads(text)
        return cls(told["manifest"], told["published_at"], told["tenants"], told["all"], told["tables"])

    @classmethod
    def kept(cls, published_root: Path | str) -> list[Manifest]:
        """Every manifest still on disk, oldest first, the present one included."""
        folder = Path(published_root) / "manifests"
        numbers = sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit())
        found = [cls.read(published_root, number) for number in numbers]
        return [manifest for manifest in found if manifest is not None]

    def file_of(self, published_root: Path | str, tenant: str) -> Path | None:
        """Path of a tenant's file; None where it was never published."""
        file = self.tenants.get(tenant, {}).get("file")
        return Path(published_root) / file if file else None

    def all_file(self, published_root: Path | str) -> Path | None:
        """Path of the file over all tenants; None before the first publication."""
        return Path(published_root) / self.all["file"] if self.all else None

    def to_json(self) -> str:
        """The JSON text of the manifest."""
        told = {
            "manifest": self.number,
            "published_at": self.published_at,
            "tenants": dict(self.tenants),
            "all": self.all,
            "tables": self.tables,
        }
        return json.dumps(told, indent=1, sort_keys=True) + "\n"

    def write(self, published_root: Path | str) -> None:
        """Make this the present manifest. The past copy first: a kill between the two leaves the old state."""
        root = Path(published_root)
        (root / "manifests").mkdir(parents=True, exist_ok=True)
        for path in (root / "manifests" / f"{self.number}.json", root / "manifest.json"):
            # One writer at a time, so one name: what a kill leaves is used up by the next swap, not kept for ever.
            write_atomically(path, self.to_json(), "writing")


def write_atomically(path: Path, text: str, temporary: str | None = None) -> None:
    """Replace a small file so that a reader sees the old text or the new one, also after a power cut.

    `temporary`: how the name ends meanwhile; by default each thread has its own.
    """
    written = path.with_name(f".{path.name}.{temporary or f'{os.getpid()}.{get_ident()}'}")
    with written.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(written, path)
