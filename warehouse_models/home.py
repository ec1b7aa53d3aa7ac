"""Where state lives: everything Tenure writes is below TENURE_HOME (default `.tenure/` of the current folder).

Standard library only, because Superset's environment imports this module too.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def home() -> Path:
    """Absolute path of TENURE_HOME. Not created here: a command that only reads leaves no trace."""
    return Path(os.environ.get("TENURE_HOME") or ".tenure").absolute()


def lake_root() -> str:
    """Root of the lake: TENURE_LAKE (a folder or an object-store address) or `<home>/lake`."""
    return os.environ.get("TENURE_LAKE") or str(home() / "lake")


def published_root() -> Path:
    """Folder of the published files and their manifest; always local to the serving host.

    Of a lake on object storage it holds copies (`replica.py`), a folder a lake: their names repeat from lake to lake.
    """
    lake = lake_root()
    if "://" not in lake:
        return home() / "published"
    return home() / "copies" / hashlib.sha256(lake.rstrip("/").encode()).hexdigest()[:12]


def build_path(shard: str) -> Path:
    """dbt's build database of one shard: one writer, opened by nobody else."""
    return home() / "build" / f"{shard}.duckdb"


def journal_root() -> Path:
    """Folder of the collectors' journals, a folder each: events that were acknowledged and are not in bronze yet."""
    return home() / "journal"


def run_folder() -> Path:
    """Folder of locks, pid files and ports; created on demand."""
    path = home() / "run"
    path.mkdir(parents=True, exist_ok=True)
    return path


def scratch() -> Path:
    """Spill folder of the engines, created on demand."""
    path = home() / "tmp"
    path.mkdir(parents=True, exist_ok=True)
    return path
