"""Silver of records: every version of a record with its time of validity, whatever its object."""

from __future__ import annotations

from warehouse_models.objects.every import record_objects
from warehouse_models.spec import Column, Pii, TableSpec

TENANT = Column("tenant_id", "string", "Tenant.", nullable=False)
VERSION: tuple[Column, ...] = (
    Column("is_deleted", "boolean", "Whether this version is a deletion.", nullable=False),
    Column("valid_from", "timestamp", "From when; 1900-01-01 for the first version.", nullable=False),
    Column("valid_to", "timestamp", "Until when (exclusive); null: still."),
    Column("is_current", "boolean", "Whether it is the last version.", nullable=False),
    Column("updated_at", "timestamp", "When this state became true, as said.", nullable=False),
)
EXTRA = Column("extra", "string", "Columns outside the contract, as JSON text.", Pii.PERSONAL)

VERSIONS = TableSpec(
    layer="silver",
    domain="crm",
    name="versions",
    grain="One row per record and version.",
    key=("tenant_id", "object", "record_id", "valid_from"),
    owner="data-engineering",
    description="Versions of records of every object; one equal to its predecessor adds nothing.",
    columns=(
        TENANT,
        Column(
            "object",
            "string",
            f"Canonical object: {', '.join(record_objects())}.",
            nullable=False,
        ),
        Column("record_id", "string", "Key of the record.", Pii.PSEUDONYMOUS, nullable=False),
        Column("payload", "string", "Its contract columns and `extra` as canonical JSON; null: deleted.", Pii.PERSONAL),
        *VERSION,
    ),
)
