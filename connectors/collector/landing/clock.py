"""The clock of a running collector: what it did not receive did not happen, so silent days are days (METRICS §1).

Once a day and tenant a row of bronze/landings says up to when the tenant's silence means silence.
"""

from __future__ import annotations

from uuid import uuid4

import pyarrow as pa
from deltalake import DeltaTable

from connectors.contracts.times import MICROS_PER_DAY
from connectors.landing.batch import day_of
from warehouse_models.catalog.sources import Sources
from warehouse_models.catalog.tenants import Catalog, Tenant
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import landing_trail
from warehouse_models.specs import spec

ADDRESS = "bronze/landings"
FILE = "collector"
_APP = "collector:clock"


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
    return [tenant for shard, tenants in sorted(by_shard.items()) for tenant in _tell(lake, shard, tenants, now)]


def _tell(lake: Lake, shard: str, tenants: list[Tenant], now: int) -> list[str]:
    tables, batch = lake.shard(shard), uuid4().hex
    shared = {"object": "events", "file": FILE, "as_of": now, "landed_at": now, "batch_id": batch}
    shared |= {"complete": False, "accepted": 0, "duplicate": 0, "quarantined": 0}

    def make_rows(target: DeltaTable) -> pa.Table:
        with lake.duck() as duck:
            rows = duck.execute(
                f"SELECT tenant_id FROM {tables.scan(ADDRESS, target.version())}"
                " WHERE file = ? AND epoch_us(as_of) >= ?",
                [FILE, now - now % MICROS_PER_DAY],
            ).fetchall()
        wanted = sorted({tenant.tenant_id for tenant in tenants} - {row[0] for row in rows})
        return spec(ADDRESS).arrow([(tenant,) for tenant in wanted], ("tenant_id",), shared)

    added = tables.append_once(
        ADDRESS,
        make_rows,
        markers={_APP: None},
        trail=lambda rows: landing_trail(batch, [day_of(now)], rows.column("tenant_id").to_pylist()),
        lost=TenureError("the clock of the collector", "other landings keep winning the commit", "run it again"),
    )
    return [] if added is None else added.column("tenant_id").to_pylist()
