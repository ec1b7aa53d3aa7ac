"""Silver of CRM records: every version of a record with its time of validity, then typed by object."""

from __future__ import annotations

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
            "Canonical object: accounts, users, subscriptions, invoices, exchange_rates.",
            nullable=False,
        ),
        Column("record_id", "string", "Key of the record.", Pii.PSEUDONYMOUS, nullable=False),
        Column("payload", "string", "Its contract columns and `extra` as canonical JSON; null: deleted.", Pii.PERSONAL),
        *VERSION,
    ),
)

ACCOUNTS = TableSpec(
    layer="silver",
    domain="crm",
    name="accounts",
    grain="One row per account and version.",
    key=("tenant_id", "account_id", "valid_from"),
    owner="data-engineering",
    description="Versions of accounts, typed.",
    columns=(
        TENANT,
        Column("account_id", "string", "Account.", nullable=False),
        Column("name", "string", "Name of the account.", Pii.PERSONAL),
        Column("parent_account_id", "string", "Account it belongs to."),
        Column("segment", "string", "Segment, e.g. enterprise."),
        Column("industry", "string", "Industry."),
        Column("country", "string", "Country."),
        Column("csm", "string", "Customer success manager.", Pii.PERSONAL),
        Column("created_at", "timestamp", "When the account was created at its source."),
        Column("renewal_date", "date", "Next renewal."),
        Column("currency", "string", "ISO 4217."),
        Column("licensed_seats", "bigint", "Seats sold; null: unknown."),
        *VERSION,
        EXTRA,
    ),
)

USERS = TableSpec(
    layer="silver",
    domain="crm",
    name="users",
    grain="One row per user and version.",
    key=("tenant_id", "user_id", "valid_from"),
    owner="data-engineering",
    description="Versions of users, typed.",
    columns=(
        TENANT,
        Column("user_id", "string", "User.", Pii.PSEUDONYMOUS, nullable=False),
        Column("account_id", "string", "Account of the user."),
        Column("email", "string", "E-mail.", Pii.PERSONAL),
        Column("name", "string", "Name.", Pii.PERSONAL),
        Column("role", "string", "Role."),
        Column("created_at", "timestamp", "When the user was created at its source."),
        *VERSION,
        EXTRA,
    ),
)
