"""Canonical objects of billing: subscriptions, invoice lines, exchange rates."""

from __future__ import annotations

from warehouse_models.objects.declaration import (
    AMOUNT,
    BOOLEAN,
    CURRENCY,
    DAY,
    INTERVALS,
    PRICE,
    RATE,
    TEXT,
    TIME,
    CanonicalObject,
    Field,
    one_of,
)

SUBSCRIPTIONS = CanonicalObject(
    name="subscriptions",
    domain="billing",
    one="a period of a subscription",
    # A new price is a new period of the same subscription, so its start is part of the key.
    key=("subscription_id", "start_date"),
    note="a new price is a new period",
    id_note="The key stands in the record's id, so that a deletion has it too.",
    fields=(
        Field("subscription_id", TEXT, "Subscription.", required=True, decisive=True),
        Field("account_id", TEXT, "Account that pays.", required=True, decisive=True),
        Field("plan", TEXT, "Plan.", required=True, decisive=True),
        Field("start_date", DAY, "First day of the period.", required=True, decisive=True, dates=True),
        Field("end_date", DAY, "Day after the last one of the period.", "the period is open", decisive=True),
        Field(
            "amount",
            PRICE,
            "Price of one interval for the whole quantity, after discount, in major units.",
            required=True,
            decisive=True,
        ),
        Field("list_amount", PRICE, "The same before discount.", "not told", decisive=True),
        Field("currency", CURRENCY, "Currency of the amount, as an ISO 4217 code.", required=True, decisive=True),
        Field(
            "interval",
            one_of("day", "week", "month", "year"),
            "What the amount is for.",
            required=True,
            decisive=True,
        ),
        Field("interval_count", INTERVALS, "Intervals between two payments.", "1", otherwise="1", decisive=True),
        Field("quantity", AMOUNT, "Quantity. The amount holds it already.", "not told"),
        Field(
            "status",
            one_of("active", "trialing", "paused", "past_due", "canceled"),
            "How the subscription stands.",
            "active",
            otherwise="'active'",
            decisive=True,
        ),
        Field("canceled_at", TIME, "When it was canceled.", "it was not", decisive=True, dates=True),
    ),
)

INVOICES = CanonicalObject(
    name="invoices",
    domain="billing",
    one="an invoice line",
    key=("invoice_line_id",),
    note="a credit is a negative amount",
    fields=(
        Field("invoice_line_id", TEXT, "Invoice line.", required=True, decisive=True),
        Field("invoice_id", TEXT, "Invoice.", decisive=True),
        Field("account_id", TEXT, "Account that was billed.", required=True, decisive=True),
        Field("issued_at", TIME, "When it was issued.", required=True, decisive=True, dates=True),
        Field("period_start", DAY, "First day it is for.", "it has no period", decisive=True),
        Field("period_end", DAY, "Day after the last one it is for.", "it has no period", decisive=True),
        Field("amount", AMOUNT, "Amount in major units; negative: a credit.", required=True, decisive=True),
        Field("currency", CURRENCY, "Currency of the amount, as an ISO 4217 code.", required=True, decisive=True),
        Field("plan", TEXT, "Plan.", "not told", decisive=True),
        Field(
            "recurring",
            BOOLEAN,
            "Whether it recurs.",
            "true with a period, else false",
            otherwise="{period_start} IS NOT NULL",
            decisive=True,
        ),
        Field(
            "status",
            one_of("paid", "open", "void", "uncollectible"),
            "How the invoice stands.",
            "open",
            otherwise="'open'",
            decisive=True,
        ),
        Field("paid_at", TIME, "When it was paid.", "not told", decisive=True, dates=True),
    ),
)

EXCHANGE_RATES = CanonicalObject(
    name="exchange_rates",
    domain="billing",
    one="an exchange rate of a day",
    key=("from_currency", "to_currency", "date"),
    note="a rate holds from its day to that of the next one",
    id_note="The id is from@to@day, all of one length.",
    fields=(
        Field("date", DAY, "From when it holds.", required=True, decisive=True),
        Field("from_currency", CURRENCY, "Currency that the rate converts.", required=True, decisive=True),
        Field("to_currency", CURRENCY, "Currency that it converts into.", required=True, decisive=True),
        Field("rate", RATE, "Units of to_currency for one of from_currency.", required=True, decisive=True),
    ),
)
