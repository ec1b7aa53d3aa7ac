"""The dbt process as its parent sees it: started early, told what to do later, read line by line.

dbt needs 2 to 3 s to import itself and to parse the project, which is most of what a small run costs. Neither opens a
database, so a run starts the process with its first step and the seconds pass while silver is computed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from warehouse_models import home
from warehouse_models.dbt import marts as gold_models

_ROOT = Path(__file__).resolve().parents[2]


def project_options() -> list[str]:
    """dbt's options that name the project. Asked for at each start, because the project can be another by then."""
    return ["--project-dir", str(gold_models.PROJECT), "--profiles-dir", str(gold_models.PROJECT)]


def state_folder(shard: str) -> Path:
    """Where dbt keeps its target, its logs and what it printed; created on demand."""
    path = home.home() / "dbt" / shard
    path.mkdir(parents=True, exist_ok=True)
    return path


def environment(shard: str) -> dict[str, str]:
    """What dbt's profile and dbt itself read from the environment."""
    return {
        "TENURE_BUILD_DB": str(home.build_path(shard)),
        "TENURE_HOME": str(home.home()),
        "DBT_TARGET_PATH": str(state_folder(shard) / "target"),
        "DBT_LOG_PATH": str(state_folder(shard) / "logs"),
        "TENURE_DBT_SEVERITY": "warn",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])),
    }


class DbtProcess:
    """One dbt process of one shard; `run` may be called once. Use as a context manager, or `close` it."""

    def __init__(self, shard: str) -> None:
        self.shard = shard
        self.log = state_folder(shard) / "process.log"
        self._child = self._start()

    def _start(self) -> subprocess.Popen[str]:
        with self.log.open("w", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "orchestration.gold.dbt_child", *project_options()],
                env=os.environ | environment(self.shard),
                cwd=state_folder(self.shard),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def run(
        self, wanted: dict[str, Any], tell: Callable[[dict[str, Any]], None]
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Do what is `wanted` (run, full_refresh, test) and return dbt's nodes, and what failed without a tenant.

        `tell` hears each event as it happens.
        """
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            with self._child.stdin as stdin:
                stdin.write(json.dumps(wanted) + "\n")
        except BrokenPipeError:
            pass  # it failed to parse: what it said is still to be read
        for line in self._child.stdout:
            told = json.loads(line)
            if told["event"] == "done":
                self._child.wait()
                return told["nodes"], told["error"]
            tell(told)
        self._child.wait()
        return [], f"dbt ended with {self._child.returncode} and no result; see {self.log}"

    def close(self) -> None:
        """End the process if it still works; safe twice."""
        if self._child.poll() is None:
            self._child.terminate()
            self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> DbtProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
