"""The clock of a running collector: what it did not receive did not happen, so silent days are days (METRICS §1).

Once a day and tenant a row of bronze/landings says up to when the tenant's silence means silence.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from deltalake.exceptions import CommitFailedError

from connectors.contracts.times import MICROS_PER_DAY
from warehouse_models.catalog.sources import Sources
from warehouse_models.catalog.tenants import Catalog, Tenant
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import landing
from warehouse_models.specs import spec

ADDRESS = "bronze/landings"
FILE = "collector"
_APP = "collector:clock"
_ATTEMPTS = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def tell_clock(lake: Lake, catalog: Catalog, now: int) -> list[str]:
    """Write the watermark `now` (UTC microseconds) for each tenant with an active source that has none of that day.

    To be called when all that was acknowledged before `now` is in bronze. The tenants that got one. A suspended tenant
    gets none: it is turned away, so its silence says nothing. TenureError: other writers keep winning the commit.
    """
    sending = {source.tenant_id for source in Sources(catalog).all() if source.state == "active"}
    by_shard: dict[str, list[Tenant]] = {}
    for tenant in catalog.tenants():
        if tenant.tenant_id in sending and tenant.state != "suspended":
            by_shard.setdefault(tenant.shard, []).append(tenant)
    return [told for shard, tenants in sorted(by_shard.items()) for told in _tell(lake, shard, tenants, now)]


def _tell(lake: Lake, shard: str, tenants: list[Tenant], now: int) -> list[str]:
    table = spec(ADDRESS)
    for _ in range(_ATTEMPTS):
        target = lake.create(table, shard)
        with lake.duck() as duck:
            told = duck.execute(
                f"SELECT tenant_id FROM delta_scan('{lake.table_uri(table, shard)}', version := {target.version()})"
                " WHERE file = ? AND epoch_us(as_of) >= ?",
                [FILE, now - now % MICROS_PER_DAY],
            ).fetchall()
        wanted = sorted({tenant.tenant_id for tenant in tenants} - {row[0] for row in told})
        if not wanted:
            return []
        batch = uuid4().hex
        same = {"object": "events", "file": FILE, "as_of": now, "landed_at": now, "batch_id": batch}
        same |= {"complete": False, "accepted": 0, "duplicate": 0, "quarantined": 0}
        added = table.arrow([(tenant,) for tenant in wanted], ("tenant_id",), same)
        trail = landing(batch, [(_EPOCH + timedelta(microseconds=now)).date()], wanted)
        marks = {_APP: (target.transaction_version(_APP) or 0) + 1}
        try:
            lake.append(table, shard, added, trail=trail, transactions=marks, at=target)
            return wanted
        except CommitFailedError:
            continue
    raise TenureError("the clock of the collector", "other landings keep winning the commit", "run it again")
