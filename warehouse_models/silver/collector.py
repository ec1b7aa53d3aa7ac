"""Silver of what the collector took: usage by hour."""

from __future__ import annotations

from warehouse_models.spec import Column, TableSpec

USAGE = TableSpec(
    layer="silver",
    domain="collector",
    name="usage",
    grain="One row per tenant, source and hour in which the collector acknowledged something.",
    key=("tenant_id", "source_id", "hour"),
    owner="data-engineering",
    description="Requests, events and bytes that the collector acknowledged, by the hour of their receipt.",
    partition_by=("tenant_id", "month"),
    slice_column="date",
    columns=(
        Column("tenant_id", "string", "Tenant.", nullable=False),
        Column("source_id", "string", "Source: a write key's, or a webhook.", nullable=False),
        Column("date", "date", "UTC day of hour.", nullable=False),
        Column("hour", "timestamp", "Start of the hour (UTC).", nullable=False),
        Column("requests", "bigint", "Requests acknowledged (count).", nullable=False),
        Column("events", "bigint", "Events in them, as sent: copies and refused ones too (count).", nullable=False),
        Column("bytes", "bigint", "Size of their bodies, unpacked, in bytes.", nullable=False),
        Column("month", "date", "First day of date's month: partition.", nullable=False),
    ),
)
