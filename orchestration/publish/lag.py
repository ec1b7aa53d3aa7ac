"""How long events waited from the collector's acknowledgement to the publication that first shows them.

    bronze/collector/usage (first_received_at, landed_at of each segment) ─▶ event_lags ─▶ the publication ─▶ trust

Measured where it ends, at the publication: the wait in the journal, the sensor's interval, the run and a hold are all
in it. DESIGN §5 promises five minutes at the default cadence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestration.publish.state import ShardState
from warehouse_models.lake.trail import last_metadata

_BRONZE, _SILVER = "bronze/collector/usage", "silver/collector/usage"


@dataclass(frozen=True)
class Lag:
    """How long the slowest new event waited (seconds), and what of the collector's events is shown: landed until."""

    event_lag_seconds: int | None = None
    landed_through: datetime | None = None


def event_lags(state: ShardState, tenants: Iterable[str]) -> dict[str, Lag]:
    """Tenant → its lag, were it published now from the silver of `state`.

    `event_lag_seconds`: the longest wait of an event that its last publication did not show yet; where this one brings
    none, the wait of the last one that did. Of `tenants`, those to whom no collector ever sent are left out.
    """
    published = state.published
    version = state.silver.versions.get(_SILVER)
    table = None if version is None else state.tables.table(_SILVER, version)
    # What landed since silver was computed is not in this publication.
    consumed = ((table and last_metadata(table)) or {}).get("inputs", {}).get(_BRONZE)
    if table is None or consumed is None:
        return {}
    sent = {partition["tenant_id"] for partition in table.partitions()} & set(tenants)
    since = {slug: published[slug].landed_through if slug in published else None for slug in sent}
    if not since:
        return {}
    # A literal, because Delta skips files by constants only. Whoever is new is looked for in all of them, once.
    shown = [through.astimezone(UTC).date() for through in since.values() if through]
    recent = f"landed_date >= date '{min(shown)}'" if len(shown) == len(since) else "true"
    with state.lake.duck() as duck:
        duck.execute("create table since (tenant_id varchar, through timestamptz)")
        duck.executemany("insert into since values (?, ?)", list(since.items()))
        rows = duck.execute(
            "select tenant_id, max(landed_at), min(first_received_at) filter (through is null or landed_at > through) "
            f"from {state.tables.scan(_BRONZE, consumed)} join since using (tenant_id) "
            f"where {recent} group by tenant_id"
        ).fetchall()
    lags = {}
    for slug, through, waiting in rows:
        seconds = published[slug].event_lag_seconds if slug in published else None
        if waiting is not None:
            seconds = max(0, round((state.now - waiting).total_seconds()))
        lags[slug] = Lag(seconds, through.astimezone(UTC))
    return lags
