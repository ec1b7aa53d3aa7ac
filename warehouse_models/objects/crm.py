"""Canonical objects of customer relations: accounts and the users in them."""

from __future__ import annotations

from warehouse_models.objects.declaration import COUNT, DAY, TEXT, TIME, CanonicalObject, Field

ACCOUNTS = CanonicalObject(
    name="accounts",
    domain="crm",
    one="an account",
    key=("account_id",),
    had_empty_cells=True,
    fields=(
        Field("account_id", TEXT, "Account.", required=True, decisive=True),
        Field("name", TEXT, "Name of the account.", pii="personal"),
        Field("parent_account_id", TEXT, "Account it belongs to.", decisive=True),
        Field("segment", TEXT, "Segment, e.g. enterprise."),
        Field("industry", TEXT, "Industry."),
        Field("country", TEXT, "Country."),
        Field("csm", TEXT, "Customer success manager.", pii="personal"),
        Field("created_at", TIME, "When the account was created at its source."),
        Field("renewal_date", DAY, "Next renewal."),
        Field("currency", TEXT, "ISO 4217 code of the currency it pays in."),
        Field("licensed_seats", COUNT, "Seats sold.", "unknown"),
    ),
)

USERS = CanonicalObject(
    name="users",
    domain="crm",
    one="a user",
    key=("user_id",),
    had_empty_cells=True,
    fields=(
        Field("user_id", TEXT, "User.", pii="pseudonymous", required=True, decisive=True),
        Field("account_id", TEXT, "Account of the user.", decisive=True),
        Field("email", TEXT, "E-mail.", pii="personal"),
        Field("name", TEXT, "Name.", pii="personal"),
        Field("role", TEXT, "Role."),
        Field("created_at", TIME, "When the user was created at its source."),
    ),
)
