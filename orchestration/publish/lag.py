"""How long events waited from the collector's acknowledgement to the publication that first shows them.

    bronze/collector/usage (first_received_at, landed_at of each segment) ─▶ event_lags ─▶ the manifest's entry ─▶ trust

Measured where it ends, at the publication: the wait in the journal, the sensor's interval, the run and a hold are all
in it. DESIGN §5 promises five minutes at the default cadence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from warehouse_models.lake.lake import Lake
from warehouse_models.lake.trail import last_metadata

_BRONZE, _SILVER = "bronze/collector/usage", "silver/collector/usage"


def event_lags(
    lake: Lake,
    shard: str,
    tenants: Iterable[str],
    versions: Mapping[str, int],
    entries: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> dict[str, dict[str, Any]]:
    """Tenant → `event_lag_seconds` and `landed_through` for its entry, were it published now from these versions.

    `event_lag_seconds`: the longest wait of an event that its last entry did not show yet; where this publication
    brings none, the wait of the last one that did. `entries`: the manifest's before it. Of `tenants`, those to whom no
    collector ever sent are left out.
    """
    table = lake.table(_SILVER, shard, versions[_SILVER]) if _SILVER in versions else None
    # What landed since silver was computed is not in this publication.
    consumed = ((table and last_metadata(table)) or {}).get("inputs", {}).get(_BRONZE)
    if table is None or consumed is None:
        return {}
    sent = {partition["tenant_id"] for partition in table.partitions()}
    since = {slug: entries.get(slug, {}).get("landed_through") for slug in set(tenants) & sent}
    if not since:
        return {}
    # A literal, because Delta skips files by constants only. Whoever is new is looked for in all of them, once.
    told = [through for through in since.values() if through]
    recent = f"landed_date >= date '{min(told)[:10]}'" if len(told) == len(since) else "true"
    uri = lake.table_uri(_BRONZE, shard).replace("'", "''")
    with lake.duck() as duck:
        duck.execute("create table since (tenant_id varchar, through timestamptz)")
        duck.executemany("insert into since values (?, ?)", list(since.items()))
        rows = duck.execute(
            "select tenant_id, max(landed_at), min(first_received_at) filter (through is null or landed_at > through) "
            f"from delta_scan('{uri}', version := {consumed}) join since using (tenant_id) "
            f"where {recent} group by tenant_id"
        ).fetchall()
    found = {}
    for slug, through, waiting in rows:
        lag = entries.get(slug, {}).get("event_lag_seconds")
        if waiting is not None:
            lag = max(0, round((now - waiting).total_seconds()))
        found[slug] = {"event_lag_seconds": lag, "landed_through": through.astimezone(UTC).isoformat()}
    return found
