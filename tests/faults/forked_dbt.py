"""dbt's process as a fork of the harness, which has imported dbt and parsed the project: each fault saves 3 s.

Everything behind the parse is the product's own (`orchestration/gold_dbt.py`), in a process of its own as there.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import IO, Any

from orchestration import dbt_process, gold_dbt

_parsed: Any = None


def parse(shard: str) -> None:
    """Parse the project once, for all forks. The home must keep its path from here on."""
    global _parsed
    os.environ.update(dbt_process.environment(shard))
    # Nobody reads what dbt writes beside its work; every line of its log would be a call that waits for an answer.
    os.environ.update(DBT_LOG_LEVEL_FILE="none", DBT_WRITE_JSON="false")
    _parsed = gold_dbt.parse(dbt_process.project_options())
    if not _parsed.success:
        raise RuntimeError(str(_parsed.exception))


class ForkedDbt(dbt_process.DbtProcess):
    """See DbtProcess."""

    def _start(self) -> Any:
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
            self._work(log, os.fdopen(read_wanted), os.fdopen(write_told, "w"))
        os.close(read_wanted)
        os.close(write_told)
        self.stdin, self.stdout = os.fdopen(write_wanted, "w"), os.fdopen(read_told)

    @staticmethod
    def _work(log: Any, wanted: IO[str], told: IO[str]) -> None:
        code = 1
        try:
            gold_dbt.die_with_parent()
            sys.stdout = sys.stderr = log.open("w", encoding="utf-8")
            os.chdir(log.parent)
            code = gold_dbt.work(_parsed, dbt_process.project_options(), wanted, told)
            sys.stderr.flush()
        finally:
            os._exit(code)

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
