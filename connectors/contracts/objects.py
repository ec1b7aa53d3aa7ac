"""The rules of records: those of each column by its kind, from the declaration; and what columns say together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from connectors.contracts import fields as spelling
from connectors.contracts import reasons
from connectors.contracts.fields import Spelling
from connectors.contracts.reasons import Refused
from warehouse_models.objects.declaration import CanonicalObject, Kind
from warehouse_models.objects.every import record_objects

Content = dict[str, Any]


@dataclass(frozen=True)
class RecordRules:
    """What a row of a canonical object must be.

    `key`: columns that make a record's id; `columns`: every contract column with its spelling; `required`: those that
    must be there besides the key; `check` raises Refused for a row whose columns contradict each other; `dates`: those
    that say up to when the file is true where nobody told.
    """

    name: str
    address: str
    key: tuple[str, ...]
    columns: Mapping[str, Spelling]
    required: tuple[str, ...]
    check: Callable[[Content], None]
    dates: tuple[str, ...]

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


_CHECKS: Mapping[str, Callable[[Content], None]] = {
    "subscriptions": _subscription,
    "invoices": _invoice_line,
    "exchange_rates": _exchange_rate,
}


@cache
def rules_of(declared: CanonicalObject) -> RecordRules:
    """The rules of a record object, as it is declared."""
    return RecordRules(
        name=declared.name,
        address=declared.address,
        key=declared.key,
        columns={field.name: _spelling(field.kind) for field in declared.fields},
        required=tuple(field.name for field in declared.fields if field.required and field.name not in declared.key),
        check=_CHECKS.get(declared.name, lambda content: None),
        dates=tuple(field.name for field in declared.fields if field.dates),
    )


def record_rules(object: str) -> RecordRules:
    """The rules of the record object called `object`; KeyError where there is none."""
    return rules_of(record_objects()[object])


def _spelling(kind: Kind) -> Spelling:
    return spelling.one_of(*kind.words) if kind.words else spelling.BY_KIND[kind.name]
