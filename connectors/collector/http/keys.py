"""Write keys as the running collector knows them: the catalog's sources, read again every two seconds.

A key is refused only on a catalog that was read after it was asked for: 401 makes a client drop its data, so a catalog
that cannot be read is our failure (503), and what was known before goes on to count.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.collector.http.following import Following, NotRead
from connectors.collector.http.protocol import Refusal, unauthorized
from warehouse_models.catalog.sources import TABLE, Sources, hash_of
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.policies.quotas import events_per_second

BURST_SECONDS = 30
_SUSPENDED_SECONDS = 300


@dataclass(frozen=True)
class Writer:
    """Who a key stands for. `until`: when an old key ends (UTC). `rate`: events per second its tenant may send."""

    tenant: str
    source_id: str
    name: str
    until: datetime | None
    rate: int
    is_suspended: bool


@dataclass
class Bucket:
    """A tenant's tokens: one an event. It may go below zero by one batch, so that no batch is too large for ever."""

    rate: int
    tokens: float = field(init=False)
    at: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens, self.at = float(self.rate * BURST_SECONDS), time.monotonic()

    def take(self, events: int) -> int:
        """Take tokens; 0, or the seconds after which to come again."""
        now = time.monotonic()
        self.tokens = min(self.tokens + (now - self.at) * self.rate, float(self.rate * BURST_SECONDS))
        self.at = now
        if self.tokens <= 0:
            return max(1, math.ceil(-self.tokens / self.rate))
        self.tokens -= events
        return 0


def check_mounted(lake: Lake, *tables: str) -> None:
    """FileNotFoundError: a lake whose disk is not mounted has no catalog either, and is not one without sources."""
    for name in tables:
        if lake.open(lake.catalog_uri(name)) is None:
            raise FileNotFoundError(f"catalog/{name}")


class Keys:
    """The keys that may write now; used on one event loop."""

    def __init__(self, lake: Lake) -> None:
        self._catalog = Catalog(lake)
        self._writers = Following(self._load)
        self._buckets: dict[str, Bucket] = {}

    @property
    def is_loaded(self) -> bool:
        """Whether the catalog could be read at least once."""
        return self._writers.is_loaded

    @property
    def age(self) -> float:
        """Seconds since the catalog was read; infinite: never."""
        return self._writers.age

    async def writer(self, key: str | None) -> Writer:
        """Who writes by this key. Refusal 401: nobody; 503: unknown, and the catalog cannot be read."""
        if key is None:
            raise unauthorized()
        try:
            writer = await self._writers.find(hash_of(key))
        except NotRead:
            why = "who has this key cannot be looked up now; come again"
            raise Refusal(503, "catalog_unreadable", why, 5) from None
        if writer is None or (writer.until is not None and datetime.now(UTC) >= writer.until):
            raise unauthorized()
        return writer

    def admit(self, writer: Writer, events: int) -> None:
        """Count events against the quota of their tenant. Refusal 429: come again, with the data."""
        if writer.is_suspended:
            raise Refusal(429, "suspended", "this tenant is suspended; keep the data", _SUSPENDED_SECONDS)
        bucket = self._buckets.get(writer.tenant)
        if bucket is None or bucket.rate != writer.rate:
            bucket = self._buckets[writer.tenant] = Bucket(writer.rate)
        if wait := bucket.take(events):
            raise Refusal(429, "over_quota", f"more than {writer.rate} events a second", wait)

    async def read(self) -> None:
        """Read the catalog, if it can be read."""
        await self._writers.read()

    async def follow(self) -> None:
        """Read the catalog again and again, until cancelled."""
        await self._writers.follow()

    def _load(self, before: dict[str, Writer]) -> dict[str, Writer]:
        now = datetime.now(UTC)
        check_mounted(self._catalog.lake, *(("tenants", TABLE) if before else ("tenants",)))
        tenants = {tenant.tenant_id: tenant for tenant in self._catalog.tenants()}
        writers = {}
        for source in Sources(self._catalog).all():
            tenant = tenants.get(source.tenant_id)
            if tenant is None:
                continue
            for sha in source.keys(now):
                until = source.old_key_until if sha == source.old_key_sha else None
                writers[sha] = Writer(
                    tenant=source.tenant_id,
                    source_id=source.source_id,
                    name=source.name,
                    until=until,
                    rate=events_per_second(tenant.quotas, tenant.state),
                    is_suspended=tenant.state == "suspended",
                )
        return writers
