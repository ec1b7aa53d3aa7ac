"""Bronze of CRM records: every version of an account or user that was received."""

from __future__ import annotations

from warehouse_models.bronze.envelope import ENVELOPE
from warehouse_models.spec import TableSpec


def _records(name: str, thing: str) -> TableSpec:
    return TableSpec(
        layer="bronze",
        domain="crm",
        name=name,
        grain=f"One row per received version of {thing}.",
        key=("tenant_id", "record_id", "updated_at", "payload_sha"),
        owner="data-engineering",
        description=f"Versions of {name} as received, append-only.",
        columns=ENVELOPE,
    )


ACCOUNTS = _records("accounts", "an account")
USERS = _records("users", "a user")
