"""What a failed check means, in words an executive understands."""

from __future__ import annotations

SUBJECTS = {
    "dim_accounts": "The list of accounts",
    "dim_users": "The list of users",
    "dim_features": "The list of features",
    "dim_dates": "The calendar",
    "fct_product_engagement_daily": "Daily usage",
    "fct_product_engagement_weekly": "Weekly usage",
    "fct_product_engagement_monthly": "Monthly usage",
    "fct_account_engagement_daily": "Daily usage by account",
    "fct_account_engagement_monthly": "Monthly usage by account",
    "fct_feature_usage_daily": "Use of features",
    "fct_user_cohorts": "User retention",
    "fct_events": "The events",
    "fct_sessions": "The sessions",
    "trust": "The statement of trust",
    "int_user_days": "Daily usage by user",
    "events": "The events received",
    "accounts": "The account records received",
    "users": "The user records received",
}
_KINDS = {
    "unique_key": "some entries stand twice and would be counted twice",
    "never_null": "some entries lack what identifies them",
    "holds": "some figures are impossible",
    "one_of": "some entries are of a kind nobody knows",
    "refers_to": "some entries point to something that is not there",
    "no_gaps": "some days are missing",
    "totals": "the totals do not agree with the events received",
}


def words(about: str, kind: str) -> str:
    """One sentence for a failed check of `kind` (a generic test's name, else `totals`) about a mart or table."""
    name = about.rsplit("/", 1)[-1]
    subject = SUBJECTS.get(name, name.replace("_", " ").capitalize())
    return f"{subject}: {_KINDS.get(kind, _KINDS['totals'])}"
