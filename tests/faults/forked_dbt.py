"""dbt's process as a fork of the harness itself, because what watches the calls of a stage is inherited.

As `tests/support/dbt_forks.py`, without a mother: the harness has imported dbt and parsed the project.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from orchestration.gold.dbt import environment as dbt_environment
from orchestration.gold.dbt import process as dbt_process
from tests.support import dbt_forks

_parsed: Any = None


def parse(shard: str) -> None:
    """Parse the project once, for all forks. The home must keep its path from here on."""
    global _parsed
    _parsed = dbt_forks.parse(shard, dbt_environment.environment_of(shard))


class ForkedDbt(dbt_process.DbtProcess):
    """See DbtProcess."""

    def start_child(self) -> Any:
        return _Fork(self.log)


class _Fork:
    """As much of subprocess.Popen as DbtProcess needs."""

    def __init__(self, log: Any) -> None:
        read_wanted, write_wanted = os.pipe()
        read_told, write_told = os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os.close(write_wanted)
            os.close(read_told)
            dbt_forks.work(_parsed, log, os.fdopen(read_wanted), os.fdopen(write_told, "w"))
        os.close(read_wanted)
        os.close(write_told)
        self.stdin, self.stdout = os.fdopen(write_wanted, "w"), os.fdopen(read_told)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
