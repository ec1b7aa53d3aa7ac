"""Canonical objects whose rows are versions of records (DESIGN §8): keys, columns and their spelling, cross rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.contracts import fields as spelling
from connectors.contracts import reasons
from connectors.contracts.fields import Spelling
from connectors.contracts.reasons import Refused

Content = dict[str, Any]


@dataclass(frozen=True)
class RecordObject:
    """A canonical object.

    `key`: columns that make a record's id; `columns`: every contract column with its spelling; `required`: those that
    must be there, key included; `check` raises Refused for a row whose columns contradict each other; `dates`: columns
    that say up to when the file is true where nobody told (METRICS §2, "The end of the data is not churn").
    """

    name: str
    address: str
    key: tuple[str, ...]
    columns: Mapping[str, Spelling]
    required: tuple[str, ...] = ()
    check: Callable[[Content], None] = field(default=lambda content: None)
    dates: tuple[str, ...] = ()

    def record_id(self, content: Content) -> str:
        """The record's id: its key columns, joined. Of two parts the second has one length, so no two keys meet."""
        return "@".join(content[name] for name in self.key)


def _subscription(content: Content) -> None:
    start, end = content["start_date"], content.get("end_date")
    if end is not None and end < start:
        raise Refused(reasons.END_BEFORE_START.format(end=end, start=start))


def _invoice_line(content: Content) -> None:
    start, end = content.get("period_start"), content.get("period_end")
    if (start is None) != (end is None):
        there, missing = ("period_start", "period_end") if end is None else ("period_end", "period_start")
        raise Refused(reasons.HALF_PERIOD.format(there=there, missing=missing))
    if start is not None and end is not None and end <= start:
        raise Refused(reasons.EMPTY_PERIOD.format(end=end, start=start))


def _exchange_rate(content: Content) -> None:
    if content["from_currency"] == content["to_currency"]:
        raise Refused(reasons.SAME_CURRENCY.format(value=content["to_currency"]))


_ACCOUNT = dict.fromkeys(
    ("account_id", "name", "parent_account_id", "segment", "industry", "country", "csm"), spelling.text
)
_OBJECTS = (
    RecordObject(
        "accounts",
        "bronze/crm/accounts",
        ("account_id",),
        {
            **_ACCOUNT,
            "created_at": spelling.time,
            "renewal_date": spelling.day,
            "currency": spelling.text,
            "licensed_seats": spelling.count,
        },
    ),
    RecordObject(
        "users",
        "bronze/crm/users",
        ("user_id",),
        {
            **dict.fromkeys(("user_id", "account_id", "email", "name", "role"), spelling.text),
            "created_at": spelling.time,
        },
    ),
    RecordObject(
        "subscriptions",
        "bronze/billing/subscriptions",
        # A new price is a new period of the same subscription, so its start is part of the key.
        ("subscription_id", "start_date"),
        {
            "subscription_id": spelling.text,
            "account_id": spelling.text,
            "plan": spelling.text,
            "start_date": spelling.day,
            "end_date": spelling.day,
            "amount": spelling.price,
            "currency": spelling.currency,
            "interval": spelling.one_of("day", "week", "month", "year"),
            "interval_count": spelling.positive_count,
            "quantity": spelling.amount,
            "status": spelling.one_of("active", "trialing", "paused", "past_due", "canceled"),
            "canceled_at": spelling.time,
            "list_amount": spelling.price,
        },
        required=("account_id", "plan", "amount", "currency", "interval"),
        check=_subscription,
        dates=("start_date", "canceled_at"),
    ),
    RecordObject(
        "invoices",
        "bronze/billing/invoices",
        ("invoice_line_id",),
        {
            "invoice_line_id": spelling.text,
            "invoice_id": spelling.text,
            "account_id": spelling.text,
            "issued_at": spelling.time,
            "period_start": spelling.day,
            "period_end": spelling.day,
            "amount": spelling.amount,
            "currency": spelling.currency,
            "plan": spelling.text,
            "recurring": spelling.boolean,
            "status": spelling.one_of("paid", "open", "void", "uncollectible"),
            "paid_at": spelling.time,
        },
        required=("account_id", "issued_at", "amount", "currency"),
        check=_invoice_line,
        dates=("issued_at", "paid_at"),
    ),
    RecordObject(
        "exchange_rates",
        "bronze/billing/exchange_rates",
        ("from_currency", "to_currency", "date"),
        {
            "date": spelling.day,
            "from_currency": spelling.currency,
            "to_currency": spelling.currency,
            "rate": spelling.rate,
        },
        required=("rate",),
        check=_exchange_rate,
    ),
)
RECORD_OBJECTS: dict[str, RecordObject] = {known.name: known for known in _OBJECTS}
