"""How much a served statement may take. The variables TENURE_SQL_* set it, read when they are needed."""

from __future__ import annotations

import os


def max_rows() -> int:
    """Rows that one answer may have."""
    return int(os.environ.get("TENURE_SQL_ROWS") or 1_000_000)


def max_seconds() -> float:
    """Seconds that one statement may run."""
    return float(os.environ.get("TENURE_SQL_SECONDS") or 60)


def max_memory() -> str:
    """Memory of one connection, as DuckDB writes it."""
    return os.environ.get("TENURE_SQL_MEMORY") or "1GB"


def threads() -> int:
    """Threads of one connection."""
    return int(os.environ.get("TENURE_SQL_THREADS") or 2)
