"""The meter: what a segment of the journal held, by tenant, source and hour of receipt, into bronze once.

It counts what was acknowledged, as it was sent: copies and refused events too, because they were sent and taken. Which
of them silver keeps is another question, and fct_events answers it. Not counted: a webhook's delivery that the same
collector remembers, which reaches no journal.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

import pyarrow as pa

from connectors.collector.http.messages import Message
from connectors.collector.landing.batch import SegmentBatch
from connectors.contracts.times import MICROS_PER_DAY
from connectors.landing.batch import day_of
from warehouse_models.specs import spec

ADDRESS = "bronze/collector/usage"
_MICROS_PER_HOUR = MICROS_PER_DAY // 24


class Usage:
    """Counts of one segment."""

    def __init__(self) -> None:
        # (tenant, source, start of the hour) -> [requests, events, bytes, first and last receipt (UTC microseconds)]
        self._counts: dict[tuple[str, str, int], list[int]] = {}

    def count(self, message: Message, events: int) -> None:
        """Count a request that held so many events."""
        at = message.received_at
        key = message.tenant, message.source, at - at % _MICROS_PER_HOUR
        counts = self._counts.setdefault(key, [0, 0, 0, at, at])
        counts[0] += 1
        counts[1] += events
        counts[2] += len(message.body)
        counts[3], counts[4] = min(counts[3], at), max(counts[4], at)

    def tenants(self) -> set[str]:
        """Whose requests were counted."""
        return {tenant for tenant, _, _ in self._counts}

    def rows(self, tenants: Collection[str], batch: SegmentBatch) -> tuple[pa.Table, dict[str, Any]]:
        """The rows of bronze/collector/usage of these tenants, and their commit's trail: the days they count for."""
        same = {
            "file": batch.file,
            "batch_id": batch.batch_id,
            "landed_at": batch.landed_at,
            "landed_date": batch.landed_date,
        }
        rows: list[dict[str, Any]] = []
        days: dict[str, set[date]] = {}
        for (tenant, source, hour), (requests, events, size, first, last) in sorted(self._counts.items()):
            if tenant not in tenants:
                continue
            days.setdefault(tenant, set()).add(day_of(hour))
            row = {"tenant_id": tenant, "source_id": source, "date": hour // MICROS_PER_DAY, "hour": hour}
            row |= {"requests": requests, "events": events, "bytes": size}
            rows.append({**same, **row, "first_received_at": first, "last_received_at": last})
        trail = batch.trail(sorted(days))
        trail["slices"] = {tenant: sorted(day.isoformat() for day in dates) for tenant, dates in days.items()}
        return spec(ADDRESS).arrow(rows), trail
