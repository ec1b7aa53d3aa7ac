"""Quotas of a tenant: how much of one file landing reads. Versioned in the catalog beside the settings.

`max_file_bytes` counts a file's bytes unpacked, `max_file_rows` its rows; both are the most that is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warehouse_models.errors import TenureError

# About a day of a large tenant's events as JSONL; what a gzip of 32 MB can unpack to.
DEFAULTS: Mapping[str, int] = {"max_file_bytes": 32_000_000_000, "max_file_rows": 100_000_000}
_MOST = 10**15


def check_quota(key: str, value: Any) -> int:
    """The value of quota `key` as a whole number from 1; TenureError says what is allowed."""
    text = str(value).replace("_", "")
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MOST):
        why = f"{value!r} is not a whole number of 1 to {_MOST}"
        raise TenureError(f"quota {key}", why, f"default: {DEFAULTS[key]}")
    return int(text)


def effective_quotas(quotas: Mapping[str, Any]) -> dict[str, int]:
    """The quotas in force for a tenant whose catalog row holds `quotas`."""
    return {key: int(quotas.get(key, default)) for key, default in DEFAULTS.items()}
