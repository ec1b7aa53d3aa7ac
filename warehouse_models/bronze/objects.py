"""Bronze of records: every received version of what CRM and billing systems keep, one table a canonical object."""

from __future__ import annotations

from warehouse_models.bronze.envelope import ENVELOPE
from warehouse_models.objects.declaration import CanonicalObject
from warehouse_models.objects.every import record_objects
from warehouse_models.spec import TableSpec


def tables() -> list[TableSpec]:
    """The table of each record object."""
    return [_received(declared) for declared in record_objects().values()]


def _received(declared: CanonicalObject) -> TableSpec:
    return TableSpec(
        layer="bronze",
        domain=declared.domain,
        name=declared.name,
        grain=f"One row per received version of {declared.one}.",
        key=("tenant_id", "record_id", "updated_at", "payload_sha"),
        owner="data-engineering",
        description=f"Versions of {declared.name.replace('_', ' ')} as received, append-only.",
        columns=ENVELOPE,
    )
