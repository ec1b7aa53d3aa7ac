"""How much a served statement may take. The variables TENURE_SQL_* set it, read when they are needed."""

from __future__ import annotations

import os

# What holds where no variable is set.
MAX_ROWS = 1_000_000
MAX_SECONDS = 60.0
MAX_MEMORY = "1GB"
THREADS = 2
# Of the process of `tenure sql`, for what DuckDB builds past its own limit.
PROCESS_GB = 4.0


def max_rows() -> int:
    """Rows that one answer may have."""
    return int(os.environ.get("TENURE_SQL_ROWS") or MAX_ROWS)


def max_seconds() -> float:
    """Seconds that one statement may run."""
    return float(os.environ.get("TENURE_SQL_SECONDS") or MAX_SECONDS)


def max_memory() -> str:
    """Memory of one connection, as DuckDB writes it."""
    return os.environ.get("TENURE_SQL_MEMORY") or MAX_MEMORY


def threads() -> int:
    """Threads of one connection."""
    return int(os.environ.get("TENURE_SQL_THREADS") or THREADS)


def process_bytes() -> int:
    """Bytes that the process of `tenure sql` may add to those it holds when a statement begins."""
    return int(float(os.environ.get("TENURE_SQL_PROCESS_GB") or PROCESS_GB) * (1 << 30))
