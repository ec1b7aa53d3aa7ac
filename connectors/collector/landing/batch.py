"""The rows of one segment of a journal: what they share, and the position that says that a table has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from deltalake import DeltaTable

from connectors.collector.journal.segments import ClosedSegment
from connectors.landing.batch import Batch, day_of
from warehouse_models.catalog.tenants import Tenant
from warehouse_models.errors import TenureError
from warehouse_models.lake.trail import landing_trail


@dataclass(frozen=True)
class SegmentBatch:
    """A segment on its way into bronze, of all its tenants. `app`, `number`: its position in a table's Delta log.

    `landed_at` is UTC microseconds. `of_source` is the batch of one of its sources.
    """

    app: str
    number: int
    file: str
    batch_id: str
    landed_at: int

    @classmethod
    def of(cls, segment: ClosedSegment, now: int) -> SegmentBatch:
        """The batch of a closed segment that is landed at `now` (UTC microseconds)."""
        file = f"collector/{segment.writer}-{segment.number:08d}"
        batch_id = sha256(file.encode()).hexdigest()[:32]
        return cls(f"collector:{segment.writer}", segment.number, file, batch_id, now)

    @property
    def landed_date(self) -> date:
        """The day of `landed_at`: bronze is partitioned by it."""
        return day_of(self.landed_at)

    def of_source(self, tenant: Tenant, source: str, object: str) -> Batch:
        """What a tenant's source lands with this segment."""
        return Batch(tenant.tenant_id, tenant.shard, object, source, self.batch_id, self.file, self.landed_at)

    def trail(self, tenants: list[str]) -> dict[str, Any]:
        """The trail of a commit that has rows of these tenants."""
        return landing_trail(self.batch_id, [self.landed_date], tenants)

    def is_in(self, target: DeltaTable) -> bool:
        """Whether the table's position says that it has the rows of this segment."""
        position = target.transaction_version(self.app)
        return position is not None and position >= self.number

    def lost(self) -> TenureError:
        """What is raised where its commit is lost to others again and again."""
        return TenureError(f"landing {self.file}", "other writers keep winning the commit", "run it again")
