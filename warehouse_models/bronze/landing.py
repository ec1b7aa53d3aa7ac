"""What landing itself writes down: the landings, and the rows it refused."""

from __future__ import annotations

from warehouse_models.spec import Column, Pii, TableSpec

QUARANTINE = TableSpec(
    layer="bronze",
    domain=None,
    name="quarantine",
    grain="One row per refused row of a landed file.",
    key=("tenant_id", "object", "file", "line", "payload_sha"),
    owner="data-engineering",
    description="Rows that broke the contract, with file, line and reason; nothing is lost.",
    columns=(
        Column("tenant_id", "string", "Tenant the file was landed for.", nullable=False),
        Column("source_id", "string", "Source that sent the row."),
        Column("object", "string", "Canonical object of the file.", nullable=False),
        Column("record_id", "string", "Key of the record where it could be read.", Pii.PSEUDONYMOUS),
        Column("reason", "string", "Why the row was refused, in words, starting with a stable code.", nullable=False),
        Column("file", "string", "Name of the file."),
        Column("line", "bigint", "Line (from 1) or row number in the file."),
        Column("bytes", "bigint", "Size of the raw row in bytes."),
        Column("payload_sha", "string", "SHA-256 (hex) of the raw row."),
        Column("payload", "string", "The raw row; base64 where it is no UTF-8 text; cut at 64 KiB.", Pii.PERSONAL),
        Column("encoding", "string", "utf-8 or base64: how payload is written."),
        Column("landed_at", "timestamp", "When it was refused.", nullable=False),
        Column("batch_id", "string", "The landing that refused it.", nullable=False),
        Column("how", "string", "How the file was read, as JSON: format, header, map, default_time, complete."),
    ),
)

REPLAYS = TableSpec(
    layer="bronze",
    domain=None,
    name="replays",
    grain="One row per replay of a quarantined row that settled it, or refused it for another reason than before.",
    key=("tenant_id", "object", "file", "line", "payload_sha", "replayed_at"),
    owner="data-engineering",
    description="What became of quarantined rows since; a row without a settling outcome here is in quarantine still.",
    columns=(
        Column("tenant_id", "string", "Tenant.", nullable=False),
        Column("object", "string", "Canonical object.", nullable=False),
        Column("file", "string", "As in bronze/quarantine."),
        Column("line", "bigint", "As in bronze/quarantine."),
        Column("payload_sha", "string", "As in bronze/quarantine."),
        Column(
            "batch_id", "string", "The landing that refused the row, which the row in bronze now names.", nullable=False
        ),
        Column("outcome", "string", "accepted, duplicate, conflict (in bronze, and in quarantine as one), or refused."),
        Column("reason", "string", "Why it is refused still; null where it is settled."),
        Column("replayed_at", "timestamp", "When.", nullable=False),
    ),
)

LANDINGS = TableSpec(
    layer="bronze",
    domain=None,
    name="landings",
    grain="One row per file landed to its end.",
    key=("tenant_id", "object", "batch_id"),
    owner="data-engineering",
    description="Report of every landing; `as_of` is the watermark up to which a tenant's silence means silence.",
    columns=(
        Column("tenant_id", "string", "Tenant.", nullable=False),
        Column("object", "string", "Canonical object.", nullable=False),
        Column("file", "string", "Name of the file."),
        Column("file_sha", "string", "SHA-256 (hex) of the file's bytes."),
        Column("as_of", "timestamp", "The explicit --as-of, else null."),
        Column("complete", "boolean", "Whether --complete was said."),
        Column("accepted", "bigint", "Rows added to bronze."),
        Column("duplicate", "bigint", "Rows that bronze already had."),
        Column("quarantined", "bigint", "Rows refused."),
        Column("landed_at", "timestamp", "When the landing ended.", nullable=False),
        Column("batch_id", "string", "The landing.", nullable=False),
    ),
)
