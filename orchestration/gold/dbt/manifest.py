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

from orchestration.gold.dbt.environment import WRITTEN_BY_DBT, environment, options, project
from warehouse_models import home
from warehouse_models.errors import TenureError

_SUFFIXES = {".sql", ".yml", ".yaml", ".csv"}


def manifest() -> dict[str, Any]:
    """The manifest as a dict (nodes, sources, exposures, parent_map …); TenureError where it does not parse."""
    return _manifest_of(project())


@cache
def _manifest_of(folder: Path) -> dict[str, Any]:
    kept = home.home() / "dbt" / f"manifest-{_state(folder)}.json"
    if not kept.exists():
        _parse(kept)
    return dict(json.loads(kept.read_text(encoding="utf-8")))


def _state(folder: Path) -> str:
    """Hash of everything dbt reads: the project's files and its version."""
    from importlib.metadata import version

    digest = hashlib.sha256(version("dbt-core").encode())
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and path.suffix in _SUFFIXES and inside.parts[0] not in WRITTEN_BY_DBT:
            digest.update(str(inside).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _parse(kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "parse", "--quiet", *options()]
        parse = subprocess.run(
            command, cwd=folder, env=os.environ | environment(Path(folder)), capture_output=True, text=True
        )
        parsed = Path(folder) / "target" / "manifest.json"
        if parse.returncode or not parsed.exists():
            why = (parse.stdout + parse.stderr).strip()[-2000:] or f"dbt parse left with code {parse.returncode}"
            raise TenureError("the dbt project", why, f"dbt parse {' '.join(options())}")
        parsed.replace(kept)
    for old in kept.parent.glob("manifest-*.json"):
        if old != kept:
            old.unlink(missing_ok=True)
