"""What the collector took, counted: the meter of what each tenant sends."""

from __future__ import annotations

from warehouse_models.spec import Column, TableSpec

USAGE = TableSpec(
    layer="bronze",
    domain="collector",
    name="usage",
    grain="One row per journal segment, tenant, source and hour.",
    key=("tenant_id", "source_id", "hour", "file"),
    owner="data-engineering",
    description="Requests that the collector acknowledged, as counted when their segment landed, append-only.",
    # Hundreds of tenants send in each segment: a partition each would be a file each.
    partition_by=("landed_date",),
    slice_column="date",
    columns=(
        Column("tenant_id", "string", "Tenant.", nullable=False),
        Column("source_id", "string", "Source: a write key's, or a webhook.", nullable=False),
        Column("date", "date", "UTC day of hour.", nullable=False),
        Column("hour", "timestamp", "Start of the hour (UTC) in which they were received.", nullable=False),
        Column("requests", "bigint", "Requests acknowledged (count).", nullable=False),
        Column("events", "bigint", "Events in them, as sent: copies and refused ones too (count).", nullable=False),
        Column("bytes", "bigint", "Size of their bodies, unpacked, in bytes.", nullable=False),
        Column("first_received_at", "timestamp", "When the first of them was received.", nullable=False),
        Column("last_received_at", "timestamp", "When the last of them was received.", nullable=False),
        Column("file", "string", "The segment, as events of it name it.", nullable=False),
        Column("landed_at", "timestamp", "When Tenure wrote the row. Orders nothing.", nullable=False),
        Column("batch_id", "string", "The landing that wrote the row.", nullable=False),
        Column("landed_date", "date", "Day of landed_at (UTC): the partition.", nullable=False),
    ),
)
