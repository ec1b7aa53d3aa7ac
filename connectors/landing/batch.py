"""Who lands what: the values that all rows of one landing share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_of(moment: int) -> date:
    """The day in UTC of a moment in UTC microseconds."""
    return (_EPOCH + timedelta(microseconds=moment)).date()


@dataclass(frozen=True)
class Batch:
    """What one source of one tenant lands at once, of one object. `landed_at` is UTC microseconds."""

    tenant: str
    shard: str
    object: str
    source: str
    batch_id: str
    file: str
    landed_at: int

    @property
    def landed_date(self) -> date:
        """The day of `landed_at`: bronze is partitioned by it."""
        return day_of(self.landed_at)
