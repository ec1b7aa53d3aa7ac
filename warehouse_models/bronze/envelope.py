"""The envelope: the columns that every bronze row has, whatever its source (DESIGN §3)."""

from __future__ import annotations

from warehouse_models.objects.every import all_objects
from warehouse_models.spec import Column, Pii

ENVELOPE: tuple[Column, ...] = (
    Column("tenant_id", "string", "Tenant the row belongs to.", nullable=False),
    Column("source_id", "string", "Source that sent the row: a file drop, a write key, a connector."),
    Column(
        "object",
        "string",
        f"Canonical object: {', '.join(all_objects())}.",
        nullable=False,
    ),
    Column("record_id", "string", "Key of the record inside its object; for events the messageId.", Pii.PSEUDONYMOUS),
    Column("updated_at", "timestamp", "When this state became true (records); null for events."),
    Column("op", "string", "upsert or delete for records, append for events."),
    Column("received_at", "timestamp", "When the source received the row; null where it does not say."),
    Column("landed_at", "timestamp", "When Tenure wrote the row. Orders nothing.", nullable=False),
    Column("batch_id", "string", "The landing that wrote the row.", nullable=False),
    Column("file", "string", "Name of the landed file; null for rows that came without one."),
    Column("line", "bigint", "Line (from 1) or row number in the file."),
    Column("bytes", "bigint", "Size of the raw row in bytes."),
    Column("payload_sha", "string", "SHA-256 (hex) of the payload."),
    Column("payload", "string", "The row as canonical JSON: sorted keys, no spaces, UTF-8.", Pii.PERSONAL),
)
