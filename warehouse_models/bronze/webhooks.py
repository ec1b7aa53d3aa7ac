"""Bronze of webhooks: deliveries, each once, and the records to fetch that a delivery named without content."""

from __future__ import annotations

from warehouse_models.bronze.envelope import ENVELOPE
from warehouse_models.spec import Column, Pii, TableSpec

_KEY = Column("delivery_key", "bigint", "First 8 bytes of SHA-256(delivery id), signed: the cheap look-up key.")
_DAY = Column("landed_date", "date", "Day of landed_at (UTC): the partition.")

DELIVERIES = TableSpec(
    layer="bronze",
    domain="webhooks",
    name="deliveries",
    grain="One row per delivery of a webhook, however often the vendor repeats it.",
    key=("tenant_id", "source_id", "record_id"),
    owner="data-engineering",
    description="Rightly signed deliveries of webhooks as received, append-only. A delivery that is a list of events"
    " (HubSpot, Asana) is a row an event: the vendor repeats them in other lists. The envelope's source_id is the"
    " webhook, object the system, record_id the delivery's id (SHA-256 of the content where the vendor signs none),"
    " updated_at the time of the event where it says one.",
    # As events: a partition a tenant would be a small file a tenant and landing.
    partition_by=("landed_date",),
    columns=(
        *ENVELOPE,
        _KEY,
        Column("vendor_id", "string", "Id by which the vendor's own log names the delivery; null where it has none."),
        Column("topic", "string", "What happened, in the vendor's words, e.g. customer.subscription.updated."),
        Column("subject", "string", "What it happened to, in the vendor's words, e.g. subscription."),
        Column("subject_id", "string", "Its id at the vendor.", Pii.PSEUDONYMOUS),
        _DAY,
    ),
)

FETCHES = TableSpec(
    layer="bronze",
    domain="webhooks",
    name="fetches",
    grain="One row per record that a thin delivery names.",
    key=("tenant_id", "source_id", "delivery_id", "object", "record_id"),
    owner="data-engineering",
    description="The queue of the connectors: records that a delivery named without their content.",
    partition_by=("landed_date",),
    columns=(
        Column("tenant_id", "string", "Tenant.", nullable=False),
        Column("source_id", "string", "The webhook.", nullable=False),
        Column("system", "string", "The system that has the record, e.g. hubspot.", nullable=False),
        Column("object", "string", "What it is there, in the vendor's words, e.g. contact.", nullable=False),
        Column("record_id", "string", "Its id there.", Pii.PSEUDONYMOUS, nullable=False),
        Column("op", "string", "upsert, or delete where the vendor says that it is gone.", nullable=False),
        Column("updated_at", "timestamp", "When it happened; null where the vendor does not say."),
        Column("received_at", "timestamp", "When the delivery was received.", nullable=False),
        Column("landed_at", "timestamp", "When Tenure wrote the row. Orders nothing.", nullable=False),
        Column("batch_id", "string", "The landing that wrote the row.", nullable=False),
        Column("delivery_id", "string", "record_id in bronze/webhooks/deliveries.", nullable=False),
        _KEY,
        _DAY,
    ),
)
