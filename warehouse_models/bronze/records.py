"""Bronze of records: every received version of what CRM and billing systems keep."""

from __future__ import annotations

from warehouse_models.bronze.envelope import ENVELOPE
from warehouse_models.spec import TableSpec


def _records(domain: str, name: str, thing: str) -> TableSpec:
    return TableSpec(
        layer="bronze",
        domain=domain,
        name=name,
        grain=f"One row per received version of {thing}.",
        key=("tenant_id", "record_id", "updated_at", "payload_sha"),
        owner="data-engineering",
        description=f"Versions of {name.replace('_', ' ')} as received, append-only.",
        columns=ENVELOPE,
    )


ACCOUNTS = _records("crm", "accounts", "an account")
USERS = _records("crm", "users", "a user")
SUBSCRIPTIONS = _records("billing", "subscriptions", "a period of a subscription")
INVOICES = _records("billing", "invoices", "an invoice line")
EXCHANGE_RATES = _records("billing", "exchange_rates", "an exchange rate of a day")
