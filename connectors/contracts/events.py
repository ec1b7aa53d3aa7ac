"""The events contract (METRICS §1): a Segment event to a row of bronze/product/events, or the reason it is refused.

Received time: receivedAt, else sentAt, else the event's own timestamp. Event time: receivedAt − (sentAt −
originalTimestamp) where all three are there, else the own timestamp (or originalTimestamp), else the received time, and
never later than the received time + 5 minutes. Both are computed here only to refuse the impossible; silver computes
them again from the columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, ClassVar

from connectors.contracts import reasons
from connectors.contracts.canonical import NotText, TooDeep, canonical, exact, id_of, key64, parse, text_of
from connectors.contracts.reasons import Refused, shown
from connectors.contracts.times import MICROS_PER_DAY, NotATime, iso, parse_micros
from warehouse_models.objects.declaration import JSON
from warehouse_models.objects.product import EVENTS
from warehouse_models.specs import spec

TYPES = frozenset(EVENTS.field("type").kind.words)
NESTED = tuple(field.name for field in EVENTS.fields if field.kind is JSON)
# The times of a batch repeat: the moment it was sent, the moment it was received.
_cached_micros = lru_cache(4_096)(parse_micros)
_LONGEST_CACHED = 40
# The columns that a read row has, in its order.
TYPED = (
    *("record_id", "payload_sha", "message_key", "line", "bytes", "payload", "received_at", "type", "event", "name"),
    *("user_id", "anonymous_id", "previous_id", "group_id", "timestamp", "original_timestamp", "sent_at"),
    *NESTED,
)


@dataclass
class EventContract:
    """Reads events. `landed_at`, `floor` (the earliest time we believe) and `clamp` (a length) are in microseconds."""

    landed_at: int
    floor: int
    clamp: int
    table: Any = field(default_factory=lambda: spec("bronze/product/events"))
    typed: ClassVar[tuple[str, ...]] = TYPED

    def read(self, value: dict[str, Any], raw: bytes, line: int, size: int) -> tuple[Any, ...]:
        """One row in the order of `TYPED`. Raises Refused."""
        get = value.get
        kind = get("type")
        if kind.__class__ is not str or kind not in TYPES:
            raise Refused(reasons.UNKNOWN_TYPE.format(value=shown(kind)) if kind else reasons.NO_TYPE, _id(value))
        field = _Texts(value, raw)
        user, anonymous = field.id("userId"), field.id("anonymousId")
        message, event, name, previous = field.id("messageId"), None, None, None
        if user is None and anonymous is None:
            raise Refused(reasons.NO_USER, message)
        if kind == "track":
            event = field("event")
            if event is None:
                raise Refused(reasons.NO_EVENT, message)
        elif kind == "page" or kind == "screen":
            name = field("name")
        elif kind == "alias":
            previous = field.id("previousId")
        group = field.id("groupId") if kind == "group" else None
        context = field.value.get("context")
        if group is None and isinstance(context, dict) and "groupId" in context:
            if context["groupId"].__class__ is float:
                field.value = exact(field.value, raw)
                context = field.value["context"]
            group = _Texts(context, b"").id("groupId", "context.groupId")

        own, original = self._time(value, "timestamp", message), self._time(value, "originalTimestamp", message)
        sent, received = self._time(value, "sentAt", message), self._time(value, "receivedAt", message)
        self._check(own, original, sent, received, message)

        try:
            payload = canonical(field.value)
            get = field.value.get
            properties, traits, about = _json(get("properties")), _json(get("traits")), _json(context)
        except TooDeep:
            raise Refused(reasons.TOO_DEEP, message) from None
        sha = sha256(payload).hexdigest()
        message = message or sha
        texts = (kind, event, name, user, anonymous, previous, group)
        if b"\\u0000" in payload and any("\0" in text for text in (message, *texts) if text):
            raise Refused(reasons.NUL_IN_FIELD.format(field="an id or a name"))
        # As text, because orjson's bytes hold on to kilobytes more than they say.
        envelope = (message, sha, key64(message), line, size, payload.decode(), received)
        return envelope + texts + (own, original, sent, properties, traits, about)

    def _time(self, value: dict[str, Any], name: str, message: str | None) -> int | None:
        cell = value.get(name)
        if cell is None or cell == "":
            return None
        try:
            # A fraction of a second may have megabytes of digits: the cache would keep thousands of them.
            is_short = cell.__class__ is str and len(cell) <= _LONGEST_CACHED
            return _cached_micros(cell) if is_short else parse_micros(text_of(cell) or "")
        except NotATime:
            raise Refused(reasons.NOT_ISO.format(field=name, value=shown(cell)), message) from None
        except NotText:
            kind = type(cell).__name__
            raise Refused(reasons.NOT_TEXT.format(field=name, kind=kind), message) from None

    def _check(
        self, own: int | None, original: int | None, sent: int | None, received: int | None, message: str | None
    ) -> None:
        if own is None:
            own = original
        came = received if received is not None else sent if sent is not None else own
        if came is None:
            raise Refused(reasons.NO_TIME, message)
        if received is not None and sent is not None and original is not None:
            happened = received - (sent - original)
        else:
            happened = came if own is None else own
        happened = min(happened, came + self.clamp)
        if came > self.landed_at + MICROS_PER_DAY:
            raise Refused(reasons.FROM_FUTURE.format(value=_shown_time(came)), message)
        if happened < self.floor or came < self.floor:
            what, when = ("received time", came) if came < self.floor else ("event time", happened)
            floor = iso(self.floor)[:10]
            raise Refused(reasons.BEFORE_FLOOR.format(what=what, value=_shown_time(when), floor=floor), message)


class _Texts:
    """Text fields of one event. A number that JSON readers would round is read again, digit by digit."""

    __slots__ = ("_raw", "value")

    def __init__(self, value: dict[str, Any], raw: bytes) -> None:
        self.value, self._raw = value, raw

    def __call__(self, name: str, path: str = "") -> str | None:
        cell = self.value.get(name)
        if cell.__class__ is str:
            return cell or None
        if cell is None:
            return None
        try:
            if cell.__class__ is float and self._raw:
                self.value = exact(self.value, self._raw)
                cell = self.value[name]
            return text_of(cell)
        except NotText:
            raise Refused(reasons.NOT_TEXT.format(field=path or name, kind=type(cell).__name__)) from None

    def id(self, name: str, path: str = "") -> str | None:
        """An id: one of nothing but white space is absent."""
        text = self(name, path)
        return None if text is None or text.isspace() else text


def unflatten(row: dict[str, Any]) -> dict[str, Any]:
    """A flat row (CSV, Parquet) as an event: `context.groupId` nests, JSON text in properties, traits, context opens.

    Raises Refused where such a cell is not JSON.
    """
    event: dict[str, Any] = {}
    for name, cell in row.items():
        if name in NESTED and isinstance(cell, str):
            try:
                cell = parse(cell)
            except ValueError:
                raise Refused(f"not_json: column {name} is not JSON", _id(row)) from None
        event[name] = cell
    for name in [name for name in event if "." in name and name.partition(".")[0] in NESTED]:
        head, _, rest = name.partition(".")
        inner = event.get(head)
        if inner is None or isinstance(inner, dict):
            event[head] = {**(inner or {}), rest: event.pop(name)}
    return event


def _json(value: Any) -> str | None:
    return None if value is None or value == "" else canonical(value).decode()


def _id(value: dict[str, Any]) -> str | None:
    try:
        return id_of(value.get("messageId"))
    except (NotText, TooDeep):
        return None


def _shown_time(micros: int) -> str:
    try:
        return iso(micros)
    except NotATime:
        return "outside the calendar"
