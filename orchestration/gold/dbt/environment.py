"""How dbt is started: which project, which profiles, where it writes, what it reads from the environment.

    TENURE_DBT_PROJECT ─▶ project() ─▶ options() ─┬─▶ process.py    builds and tests a shard
    TENURE_HOME ────────▶ environment() ──────────┴─▶ manifest.py   what Dagster shows of the models

Everybody asks here. The manifest once named the project by itself, so with TENURE_DBT_PROJECT set Dagster showed other
models than the build ran.
"""

from __future__ import annotations

import os
from pathlib import Path

from warehouse_models import home
from warehouse_models.dbt import marts as gold_models

_ROOT = Path(__file__).resolve().parents[3]
# Folders that dbt writes into a project where nobody tells it another place; they are no part of the project.
WRITTEN_BY_DBT = ("target", "logs", "dbt_packages")


def project() -> Path:
    """The project's folder: TENURE_DBT_PROJECT, else ours. Asked for at each start: it can be another by then."""
    return gold_models.PROJECT


def options() -> list[str]:
    """dbt's options that name the project and its profiles."""
    return ["--project-dir", str(project()), "--profiles-dir", str(project())]


def folder_of(shard: str) -> Path:
    """Where dbt keeps a shard's target, its logs and what it printed; created on demand."""
    path = home.home() / "dbt" / shard
    path.mkdir(parents=True, exist_ok=True)
    return path


def artefacts(folder: Path) -> dict[str, str]:
    """Variables by which dbt writes below `folder` and not into the project."""
    return {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}


def environment(folder: Path) -> dict[str, str]:
    """What any start of dbt sets: artefacts below `folder`, nothing sent home, our packages on the path."""
    return artefacts(folder) | {
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])),
    }


def environment_of(shard: str) -> dict[str, str]:
    """What a run over a shard's build database sets: a failed test is a warning, because the verdict is per tenant."""
    return environment(folder_of(shard)) | {
        "TENURE_BUILD_DB": str(home.build_path(shard)),
        "TENURE_HOME": str(home.home()),
        "TENURE_DBT_SEVERITY": "warn",
    }
