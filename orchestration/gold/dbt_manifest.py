"""dbt's manifest of the gold project: parsed once per state of its files, kept under `<home>/dbt`.

Parsing needs neither a database nor the network, so a code location can do it wherever it starts.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from warehouse_models import home
from warehouse_models.errors import TenureError

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
_SUFFIXES = {".sql", ".yml", ".yaml", ".csv"}
_FOLDERS_OF_DBT = {"target", "logs", "dbt_packages"}


@cache
def manifest() -> dict[str, Any]:
    """The manifest as a dict (nodes, sources, exposures, parent_map …); TenureError where it does not parse."""
    kept = home.home() / "dbt" / f"manifest-{_state()}.json"
    if not kept.exists():
        _parse(kept)
    return dict(json.loads(kept.read_text(encoding="utf-8")))


def _state() -> str:
    """Hash of everything dbt reads: the project's files and its version."""
    from importlib.metadata import version

    digest = hashlib.sha256(version("dbt-core").encode())
    for path in sorted(PROJECT.rglob("*")):
        inside = path.relative_to(PROJECT)
        if path.is_file() and path.suffix in _SUFFIXES and inside.parts[0] not in _FOLDERS_OF_DBT:
            digest.update(str(inside).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _parse(kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        told = subprocess.run(
            [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "parse", "--quiet"],
            cwd=folder,
            env=os.environ
            | {
                "DBT_PROJECT_DIR": str(PROJECT),
                "DBT_PROFILES_DIR": str(PROJECT),
                "DBT_TARGET_PATH": folder,
                "DBT_LOG_PATH": folder,
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                "DO_NOT_TRACK": "1",
            },
            capture_output=True,
            text=True,
        )
        made = Path(folder) / "manifest.json"
        if told.returncode or not made.exists():
            why = (told.stdout + told.stderr).strip()[-2000:] or f"dbt parse left with code {told.returncode}"
            raise TenureError(
                "the dbt project", why, f"dbt parse --project-dir {PROJECT.name} --profiles-dir {PROJECT.name}"
            )
        made.replace(kept)
    for old in kept.parent.glob("manifest-*.json"):
        if old != kept:
            old.unlink(missing_ok=True)
