"""Bronze of product events: as received, Segment fields typed once so that silver parses nothing."""

from __future__ import annotations

from warehouse_models.bronze.envelope import ENVELOPE
from warehouse_models.spec import Column, Pii, TableSpec

EVENTS = TableSpec(
    layer="bronze",
    domain="product",
    name="events",
    grain="One row per received copy of an event.",
    # A message may come many times, with other content too: the copy is the grain.
    key=("tenant_id", "record_id", "payload_sha"),
    owner="data-engineering",
    description="Product events as received from SDKs and files, append-only.",
    partition_by=("landed_date",),
    columns=(
        *ENVELOPE,
        Column("message_key", "bigint", "First 8 bytes of SHA-256(record_id), signed: the cheap look-up key."),
        Column("type", "string", "identify, track, page, screen, group or alias."),
        Column("event", "string", "Name of the tracked event (track)."),
        Column("name", "string", "Name of the page or screen."),
        Column("user_id", "string", "userId as sent.", Pii.PSEUDONYMOUS),
        Column("anonymous_id", "string", "anonymousId as sent.", Pii.PSEUDONYMOUS),
        Column("previous_id", "string", "previousId of an alias.", Pii.PSEUDONYMOUS),
        Column("group_id", "string", "groupId of a group call, else context.groupId."),
        Column("timestamp", "timestamp", "Segment's timestamp, UTC."),
        Column("original_timestamp", "timestamp", "The device's clock when the event happened, UTC."),
        Column("sent_at", "timestamp", "The device's clock when the event was sent, UTC."),
        Column("properties", "string", "properties as JSON text.", Pii.PERSONAL),
        Column("traits", "string", "traits as JSON text.", Pii.PERSONAL),
        Column("context", "string", "context as JSON text.", Pii.PERSONAL),
        Column("landed_date", "date", "Day of landed_at (UTC): the partition."),
    ),
)
