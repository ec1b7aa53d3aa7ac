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
from typing import Any

from orchestration.gold.dbt.environment import environment_of, folder_of, options


class DbtProcess:
    """One dbt process of one shard; `run` may be called once. Use as a context manager, or `close` it."""

    def __init__(self, shard: str) -> None:
        self.shard = shard
        self.log = folder_of(shard) / "process.log"
        self._child = self.start_child()

    def start_child(self) -> subprocess.Popen[str]:
        """dbt's process; the tests fork one that has parsed the project already."""
        with self.log.open("w", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "orchestration.gold.dbt.child", *options()],
                env=os.environ | environment_of(self.shard),
                cwd=folder_of(self.shard),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def run(
        self, order: dict[str, Any], tell: Callable[[dict[str, Any]], None]
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Carry out an `order` (child.py lists its fields): dbt's nodes, and what failed without a tenant.

        `tell` gets each event as it happens.
        """
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            with self._child.stdin as stdin:
                stdin.write(json.dumps(order) + "\n")
        except BrokenPipeError:
            pass  # it failed to parse: what it said is still to be read
        for line in self._child.stdout:
            event = json.loads(line)
            if event["event"] == "done":
                self._child.wait()
                return event["nodes"], event["error"]
            tell(event)
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
