"""Pieces of SQL text that the published files and gold Delta share: literals, and the columns of a mart's contract."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake.duck import quoted


def literal(value: Any) -> str:
    """A SQL literal of a text, time, number, boolean or null."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return f"timestamptz '{value.isoformat()}'"
    return quoted(value)


def contracts_hash() -> str:
    """Hash of every mart's columns: a held file that was written under others is copied into these."""
    contracts = [
        [name, mart.is_view, [(column.name, column.type) for column in mart.spec.columns]]
        for name, mart in gold_models.marts().items()
    ]
    return hashlib.sha256(json.dumps(contracts).encode()).hexdigest()[:16]


def columns_of(mart: str) -> str:
    """The columns of a mart's contract in its order and types, for a SELECT."""
    columns = gold_models.marts()[mart].spec.columns
    return ", ".join(f'"{column.name}"::{column.duckdb_type} as "{column.name}"' for column in columns)
