"""Silver of product usage: deduplicated events, who did them, sessions and daily usage (METRICS §1)."""

from __future__ import annotations

from functools import partial

from warehouse_models.spec import Column, Pii, TableSpec

_table = partial(TableSpec, layer="silver", domain="product", owner="data-engineering")
_TENANT = Column("tenant_id", "string", "Tenant.", nullable=False)
_USER = Column("user_id", "string", "Resolved user; null where the visitor is anonymous.", Pii.PSEUDONYMOUS)
_ANONYMOUS = Column("anonymous_id", "string", "anonymousId that nobody claimed; null for users.", Pii.PSEUDONYMOUS)
_ACCOUNT = Column("account_id", "string", "Account, or `unresolved`.", nullable=False)

EVENTS = _table(
    name="events",
    grain="One row per message: the copy that was received first.",
    key=("tenant_id", "message_id"),
    description="Deduplicated, typed events with their event time; ids as sent.",
    partition_by=("tenant_id", "event_month"),
    slice_column="event_date",
    columns=(
        _TENANT,
        Column("message_id", "string", "messageId, or the SHA-256 of an event that came without one.", nullable=False),
        Column("message_key", "bigint", "64-bit look-up key of message_id.", nullable=False),
        Column("source_id", "string", "Source that sent the winning copy: a file drop, a write key, a connector."),
        Column("type", "string", "identify, track, page, screen, group or alias.", nullable=False),
        Column("event", "string", "Name of the tracked event; null for other types."),
        Column("name", "string", "Name of the page or screen."),
        Column("user_id", "string", "userId as sent.", Pii.PSEUDONYMOUS),
        Column("anonymous_id", "string", "anonymousId as sent.", Pii.PSEUDONYMOUS),
        Column("previous_id", "string", "previousId of an alias.", Pii.PSEUDONYMOUS),
        Column("group_id", "string", "groupId of a group call, else context.groupId."),
        Column("event_time", "timestamp", "When it happened, corrected for clock skew (METRICS §1).", nullable=False),
        Column("event_date", "date", "UTC day of event_time.", nullable=False),
        Column("received_at", "timestamp", "Received time: receivedAt, else sentAt, else the event's own time."),
        Column("timestamp", "timestamp", "Segment's timestamp."),
        Column("original_timestamp", "timestamp", "Device clock at the event."),
        Column("sent_at", "timestamp", "Device clock at sending."),
        Column("properties", "string", "properties as JSON text.", Pii.PERSONAL),
        Column("traits", "string", "traits as JSON text.", Pii.PERSONAL),
        Column("context", "string", "context as JSON text.", Pii.PERSONAL),
        Column("payload_sha", "string", "SHA-256 of the winning copy."),
        Column("event_month", "date", "First day of event_date's month: partition.", nullable=False),
    ),
)

SIGNALS = _table(
    name="signals",
    grain="One row per event that says something new about who somebody is.",
    key=("tenant_id", "message_id", "kind"),
    description="Claims (change points of a day), aliases, group calls and e-mail domains, drawn from events.",
    partition_by=("tenant_id", "event_month"),
    slice_column="event_date",
    columns=(
        _TENANT,
        Column("kind", "string", "claim, alias, group or domain.", nullable=False),
        Column("message_id", "string", "The event.", nullable=False),
        Column("event_time", "timestamp", "When it was said.", nullable=False),
        Column("event_date", "date", "UTC day of event_time.", nullable=False),
        Column("user_id", "string", "userId as sent.", Pii.PSEUDONYMOUS),
        Column("anonymous_id", "string", "anonymousId: the claimed one, or a group call's visitor.", Pii.PSEUDONYMOUS),
        Column("previous_id", "string", "previousId of an alias.", Pii.PSEUDONYMOUS),
        Column("value", "string", "Account of a group call; e-mail domain (lower case) of an identify."),
        Column("event_month", "date", "First day of event_date's month: partition.", nullable=False),
    ),
)

ALIASES = _table(
    name="aliases",
    grain="One row per user id that was renamed.",
    key=("tenant_id", "user_id"),
    description="Every previousId with the id at the end of its chain of aliases, over all history.",
    columns=(
        _TENANT,
        Column("user_id", "string", "The id that was renamed.", Pii.PSEUDONYMOUS, nullable=False),
        Column("resolved_user_id", "string", "The id it ends at.", Pii.PSEUDONYMOUS, nullable=False),
    ),
)

CLAIMS = _table(
    name="claims",
    grain="One row per anonymous id and spell of belonging to one user.",
    key=("tenant_id", "anonymous_id", "valid_from"),
    description="Who an anonymousId belongs to, from when; the first claim reaches back to the beginning.",
    columns=(
        _TENANT,
        Column("anonymous_id", "string", "The claimed anonymousId.", Pii.PSEUDONYMOUS, nullable=False),
        Column("user_id", "string", "The user after aliases.", Pii.PSEUDONYMOUS, nullable=False),
        Column("valid_from", "timestamp", "From when; 1900-01-01 for the first spell.", nullable=False),
        Column("valid_to", "timestamp", "Until when (exclusive); null: still."),
    ),
)

MEMBERSHIPS = _table(
    name="memberships",
    grain="One row per visitor and spell in one account, by group calls.",
    key=("tenant_id", "visitor_kind", "visitor_id", "valid_from"),
    description="The account that the last group call of a user (or unclaimed anonymousId) named.",
    columns=(
        _TENANT,
        Column("visitor_kind", "string", "user or anonymous.", nullable=False),
        Column("visitor_id", "string", "Resolved user id, or unclaimed anonymousId.", Pii.PSEUDONYMOUS, nullable=False),
        Column("account_id", "string", "Account.", nullable=False),
        Column("valid_from", "timestamp", "Time of the group call.", nullable=False),
        Column("valid_to", "timestamp", "Until when (exclusive); null: still."),
    ),
)

INTERNAL_USERS = _table(
    name="internal_users",
    grain="One row per user whose activity is the tenant's own.",
    key=("tenant_id", "user_id"),
    description="Resolved users that the policy `internal_users` names by id, by e-mail domain or by account, in any "
    "version.",
    columns=(_TENANT, Column("user_id", "string", "Resolved user.", Pii.PSEUDONYMOUS, nullable=False)),
)

ACTIVITY = _table(
    name="activity",
    grain="One row per message.",
    key=("tenant_id", "message_id"),
    description="Who did each event, for which account, with which feature, as planned or not: the narrow table that "
    "identities rename.",
    partition_by=("tenant_id", "event_month"),
    slice_column="event_date",
    columns=(
        _TENANT,
        Column("message_id", "string", "The event.", nullable=False),
        Column("event_time", "timestamp", "When it happened.", nullable=False),
        Column("event_date", "date", "UTC day of event_time.", nullable=False),
        Column("type", "string", "Segment type.", nullable=False),
        _USER,
        _ANONYMOUS,
        _ACCOUNT,
        Column("source_id", "string", "Source that sent it."),
        Column("feature", "string", "Feature used; null where the event is none or does not qualify."),
        Column(
            "plan_miss",
            "string",
            "How it misses the tracking plan: `unknown event`, or `missing` and the required properties that it lacks; "
            "null where it does not, or there is no plan.",
        ),
        Column("is_qualifying", "boolean", "Counts as activity (policy qualifying_types).", nullable=False),
        Column("is_internal", "boolean", "By the tenant's own people: out of every metric.", nullable=False),
        Column("event_month", "date", "First day of event_date's month: partition.", nullable=False),
    ),
)

SESSIONS = _table(
    name="sessions",
    grain="One row per session.",
    key=("tenant_id", "session_id"),
    description="Qualifying events of one visitor with no gap above 30 min, cut at the first event of a day whose "
    "previous day they had begun at or before 00:00 of; dated by their start.",
    partition_by=("tenant_id", "session_month"),
    slice_column="session_date",
    columns=(
        _TENANT,
        Column("session_id", "string", "Hash of tenant, kind of id, id and start.", nullable=False),
        _USER,
        _ANONYMOUS,
        _ACCOUNT,
        Column("started_at", "timestamp", "First event.", nullable=False),
        Column("ended_at", "timestamp", "Last event.", nullable=False),
        Column("session_date", "date", "UTC day of started_at.", nullable=False),
        Column("events", "bigint", "Qualifying events in it.", nullable=False),
        Column("session_month", "date", "First day of session_date's month: partition.", nullable=False),
    ),
)

USAGE_DAILY = _table(
    name="usage_daily",
    grain="One row per visitor, account, feature and day.",
    key=("tenant_id", "date", "account_id", "user_id", "anonymous_id", "feature"),
    description="Events of a day by visitor, account and feature, without internal users.",
    partition_by=("tenant_id", "month"),
    slice_column="date",
    columns=(
        _TENANT,
        Column("date", "date", "UTC day.", nullable=False),
        _ACCOUNT,
        _USER,
        _ANONYMOUS,
        Column("feature", "string", "Feature; null for events that are none."),
        Column("events", "bigint", "Events of all types.", nullable=False),
        Column("qualifying_events", "bigint", "Events that count as activity.", nullable=False),
        Column("month", "date", "First day of date's month: partition.", nullable=False),
    ),
)

COVERAGE = _table(
    name="coverage",
    grain="One row per tenant.",
    key=("tenant_id",),
    description="What a tenant's data covers: where spines start and end.",
    columns=(
        _TENANT,
        Column("first_event_date", "date", "Day of the first event; null without events."),
        Column("last_event_date", "date", "Day of the last event."),
        Column("last_received_date", "date", "Day the last event was received."),
        Column("watermark_date", "date", "Latest explicit --as-of; null if none was said."),
        Column("data_through", "date", "Latest of the three: the end of every spine."),
    ),
)
