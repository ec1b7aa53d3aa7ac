"""Bronze of product events: as received, Segment fields typed once so that silver parses nothing."""

from __future__ import annotations

import re

from warehouse_models.bronze.envelope import ENVELOPE
from warehouse_models.objects.declaration import Field
from warehouse_models.objects.product import EVENTS as OBJECT
from warehouse_models.spec import Column, Pii, TableSpec

# The envelope holds the id of a message and when it was received, as of every object.
_IN_ENVELOPE = ("message_id", "received_at")


def _name(field: Field) -> str:
    """`userId` → user_id."""
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", field.name)


def _typed(field: Field) -> Column:
    return Column(_name(field), field.kind.type, field.description, Pii(field.pii))


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
        *(_typed(field) for field in OBJECT.fields if _name(field) not in _IN_ENVELOPE),
        Column("landed_date", "date", "Day of landed_at (UTC): the partition."),
    ),
)
