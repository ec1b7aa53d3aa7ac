"""How a key or a secret gives way to the next: both count for a while, so that nobody has to change in one instant.

A row holds the present value, the one before it, and until when (UTC) that one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

# Unless a command names other hours (`tenure source rotate`, `tenure hook rotate`; their defaults follow from this).
OLD_VALUE_COUNTS_FOR = timedelta(hours=24)


def counting(present: str | None, old: str | None, old_until: datetime | None, now: datetime) -> list[str]:
    """The values that count at `now`, the newest first. `present` is None where it is still awaited."""
    is_old_good = old_until is not None and now < old_until
    return [value for value in (present, old if is_old_good else None) if value]


def kept_beside(values: Sequence[str], now: datetime, grace: timedelta) -> tuple[str | None, datetime | None]:
    """Which of the values that count at `now` (newest first) counts on beside a new one, and until when.

    (None, None) where none counts or there is no grace: a value that ended must not count again.
    """
    return (values[0], now + grace) if values and grace > timedelta(0) else (None, None)
