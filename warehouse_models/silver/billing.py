"""Silver of billing: every version of subscriptions, invoice lines and exchange rates, typed; and how far they go."""

from __future__ import annotations

from warehouse_models.silver.crm import EXTRA, TENANT, VERSION
from warehouse_models.spec import Column, TableSpec

_DECIMAL = "decimal(38,12)"

SUBSCRIPTIONS = TableSpec(
    layer="silver",
    domain="billing",
    name="subscriptions",
    grain="One row per period of a subscription and version.",
    key=("tenant_id", "subscription_id", "start_date", "valid_from"),
    owner="data-engineering",
    description="Versions of periods of subscriptions, typed; a new price is a new period.",
    columns=(
        TENANT,
        Column("subscription_id", "string", "Subscription.", nullable=False),
        Column("start_date", "date", "First day of the period.", nullable=False),
        Column("account_id", "string", "Account that pays; null: deleted."),
        Column("plan", "string", "Plan; null: deleted."),
        Column("end_date", "date", "Day after the last one; null: open."),
        Column("amount", _DECIMAL, "Price of one interval for the whole quantity, after discount, in major units."),
        Column("list_amount", _DECIMAL, "The same before discount; null: not told."),
        Column("currency", "string", "ISO 4217."),
        Column("interval", "string", "day, week, month or year."),
        Column("interval_count", "bigint", "Intervals between two payments; 1 where not told."),
        Column("quantity", _DECIMAL, "Quantity; null: not told. The amount holds it already."),
        Column("status", "string", "active (also where not told), trialing, paused, past_due or canceled."),
        Column("canceled_at", "timestamp", "When it was canceled; null: it was not."),
        *VERSION,
        EXTRA,
    ),
)

INVOICES = TableSpec(
    layer="silver",
    domain="billing",
    name="invoices",
    grain="One row per invoice line and version.",
    key=("tenant_id", "invoice_line_id", "valid_from"),
    owner="data-engineering",
    description="Versions of invoice lines, typed; a credit is a negative amount.",
    columns=(
        TENANT,
        Column("invoice_line_id", "string", "Invoice line.", nullable=False),
        Column("invoice_id", "string", "Invoice."),
        Column("account_id", "string", "Account that was billed; null: deleted."),
        Column("issued_at", "timestamp", "When it was issued."),
        Column("period_start", "date", "First day it is for; null: it has no period."),
        Column("period_end", "date", "Day after the last one it is for; null: it has no period."),
        Column("amount", _DECIMAL, "Amount in major units; negative: a credit."),
        Column("currency", "string", "ISO 4217."),
        Column("plan", "string", "Plan; null: not told."),
        Column("recurring", "boolean", "Whether it recurs; where not told, whether it has a period."),
        Column("status", "string", "paid, open, void or uncollectible; open where not told."),
        Column("paid_at", "timestamp", "When it was paid; null: not told."),
        *VERSION,
        EXTRA,
    ),
)

EXCHANGE_RATES = TableSpec(
    layer="silver",
    domain="billing",
    name="exchange_rates",
    grain="One row per pair of currencies, day and version.",
    key=("tenant_id", "from_currency", "to_currency", "date", "valid_from"),
    owner="data-engineering",
    description="Versions of exchange rates, typed; a rate holds from its day to that of the next one.",
    columns=(
        TENANT,
        Column("from_currency", "string", "ISO 4217.", nullable=False),
        Column("to_currency", "string", "ISO 4217.", nullable=False),
        Column("date", "date", "From when it holds.", nullable=False),
        Column("rate", _DECIMAL, "Units of to_currency for one of from_currency; null: deleted."),
        *VERSION,
        EXTRA,
    ),
)

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
