"""Silver of billing besides its records: how far they go."""

from __future__ import annotations

from warehouse_models.silver.crm import TENANT
from warehouse_models.spec import Column, TableSpec

AS_OF = TableSpec(
    layer="silver",
    domain="billing",
    name="as_of",
    grain="One row per tenant and object.",
    key=("tenant_id", "object"),
    owner="data-engineering",
    description="How far the billing records of a tenant go: the end of the data is not churn (METRICS §2).",
    columns=(
        TENANT,
        Column("object", "string", "subscriptions or invoices.", nullable=False),
        Column("as_of", "date", "The latest day that was told, or that the records speak of.", nullable=False),
        Column("is_told", "boolean", "Whether a landing told it (--as-of) rather than its records.", nullable=False),
    ),
)
