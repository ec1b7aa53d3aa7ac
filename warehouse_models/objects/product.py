"""Canonical objects of the product: events, as the Segment spec has them."""

from __future__ import annotations

from warehouse_models.objects.declaration import JSON, TEXT, TIME, CanonicalObject, Field, one_of

EVENTS = CanonicalObject(
    name="events",
    domain="product",
    one="an event",
    key=("messageId",),
    note="it has a user id or an anonymous id, and one of the four times at least",
    fields=(
        Field(
            "type",
            one_of("identify", "track", "page", "screen", "group", "alias"),
            "What kind of call it is.",
            required=True,
            decisive=True,
        ),
        Field("messageId", TEXT, "Id of the message.", "made of the content", pii="pseudonymous", decisive=True),
        Field("event", TEXT, "Name of the tracked event; a track needs it.", decisive=True),
        Field("name", TEXT, "Name of the page or screen."),
        Field("userId", TEXT, "Id of the user.", pii="pseudonymous", decisive=True),
        Field("anonymousId", TEXT, "Id of the device or browser.", pii="pseudonymous", decisive=True),
        Field("previousId", TEXT, "Id that an alias replaces.", pii="pseudonymous", decisive=True),
        Field("groupId", TEXT, "Account: groupId of a group call, else context.groupId."),
        Field("timestamp", TIME, "When it happened, as the source says.", decisive=True),
        Field("originalTimestamp", TIME, "When it happened, by the device's clock.", decisive=True),
        Field("sentAt", TIME, "When it was sent, by the device's clock.", decisive=True),
        Field("receivedAt", TIME, "When it was received.", "sentAt, else timestamp", decisive=True),
        Field("properties", JSON, "What the event says of itself.", pii="personal"),
        Field("traits", JSON, "What it says of the user or group.", pii="personal"),
        Field("context", JSON, "What surrounds it, groupId among it.", pii="personal"),
    ),
)
