"""Quotas of a tenant: how much of one file landing reads, how fast events may come. Versioned in the catalog.

`max_file_bytes` counts a file's bytes unpacked, `max_file_rows` its rows; both are the most that is allowed.
`events_per_second` is what the collector takes on average; a sandbox tenant that has none of its own gets a small one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warehouse_models.errors import TenureError

# About a day of a large tenant's events as JSONL; what a gzip of 32 MB can unpack to.
DEFAULTS: Mapping[str, int] = {
    "max_file_bytes": 32_000_000_000,
    "max_file_rows": 100_000_000,
    "events_per_second": 10_000,
}
_SANDBOX_EVENTS_PER_SECOND = 200
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


def events_per_second(quotas: Mapping[str, Any], state: str) -> int:
    """How many events per second the collector takes of a tenant in this state."""
    if state == "sandbox" and "events_per_second" not in quotas:
        return _SANDBOX_EVENTS_PER_SECOND
    return effective_quotas(quotas)["events_per_second"]
