"""Billing histories that change their mind: batches move accounts, correct, delete, come late, and set policies.

Rates are told between all currencies from long before the first MRR on: the reporting currency changes too.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.support.histories.events import History
from tests.support.histories.records import Delivery
from tests.support.histories.revenue import ACCOUNTS, CURRENCIES, DAY, POLICIES, Row, Tale

_KEYS = {
    "subscriptions": ("subscription_id", "start_date"),
    "invoices": ("invoice_line_id",),
    "exchange_rates": ("from_currency", "to_currency", "date"),
}
# "" takes a setting back.
_UNSET = ""


@dataclass(frozen=True)
class RestatedHistory(History):
    """A history with the settings that change before the run over each batch."""

    changes: tuple[dict[str, Any], ...] = ()

    def settings_at(self, batch: int) -> dict[str, Any]:
        """The tenant's settings when the batch is run."""
        settings = dict(self.settings)
        for changes in self.changes[: batch + 1]:
            settings |= changes
        return {name: value for name, value in settings.items() if value != _UNSET}


def restated_history(seed: int, batches: int = 3) -> RestatedHistory:
    """The history of a seed."""
    return _Restated(Random(seed)).restated(batches)


class _Restated(Tale):
    def restated(self, batches: int) -> RestatedHistory:
        """A billing history, and second thoughts about it in every batch but the first."""
        # Where a batch brings one thing alone, nothing else explains what it restates.
        is_quiet = self.rng.random() < 0.4
        first = self.history(1 if is_quiet else batches)
        first.batches.extend([] for _ in range(batches - len(first.batches)))
        if self.rng.random() < 0.5:
            first.batches[0].append(self._ends_on_as_of())
        for batch in range(1, batches):
            objects = [object for object in _KEYS if self._told(object, first.batches[:batch])]
            for object in self.rng.sample(objects, 1) if is_quiet and objects else objects:
                if is_quiet or self.rng.random() < 0.6:
                    first.batches[batch] += self._second_thoughts(object, batch, first.batches[:batch], is_quiet)
        changes = [self._changes() if batch else {} for batch in range(batches)]
        if self.rng.random() < 0.15:
            first.batches[-1] += self._nothing_left(first.batches)
            changes[-1] = {}  # a policy would take the blame for all of it
        return RestatedHistory(first.batches, first.settings, tuple(changes))

    def _first_rates(self) -> list[Delivery]:
        day = self.first - DAY * 400
        pairs = [(source, target) for source in CURRENCIES for target in CURRENCIES if source != target]
        return [Delivery("exchange_rates", [self._rate(*p, day) | {"updated_at": f"{day}T00:00:00Z"} for p in pairs])]

    def _nothing_left(self, before: list[list[Delivery]]) -> list[Delivery]:
        """Every record is deleted, and one comes late that is no MRR."""
        stamp, deletions = f"{self.last + DAY * 60}T00:00:00Z", list[Delivery]()
        for object in ("subscriptions", "invoices"):
            if rows := self._told(object, before):
                deletions.append(Delivery(object, [row | {"is_deleted": True, "updated_at": stamp} for row in rows]))
        line: Row = {"invoice_line_id": "late", "account_id": "acme", "issued_at": str(self.first), "amount": "5"}
        line |= {"currency": self.palette[0], "recurring": False, "updated_at": stamp}
        return [*deletions, Delivery("invoices", [line])]

    @staticmethod
    def _told(object: str, before: list[list[Delivery]]) -> list[Row]:
        """The last row told of each record."""
        rows = [row for landed in before for one in landed if one.object == object for row in one.rows]
        return list({tuple(row[name] for name in _KEYS[object]): row for row in rows}.values())

    def _ends_on_as_of(self) -> Delivery:
        """A period that ends on the told as_of, a month's last day: paid on that day until the records go further."""
        end = (self.last + 62 * DAY).replace(day=1) + 31 * DAY
        end = end.replace(day=1) - DAY
        row = self._period("edge", self.rng.choice(self.accounts), self.palette[0], self.first)[0]
        row |= {"amount": "49.99", "end_date": str(end), "status": "active", "updated_at": self.stamp()}
        row.pop("canceled_at", None)
        return Delivery("subscriptions", [row], str(end))

    def _second_thoughts(self, object: str, batch: int, before: list[list[Delivery]], is_quiet: bool) -> list[Delivery]:
        rng = self.rng
        rows = self._told(object, before)
        # Later than all that was said before, so that it holds.
        stamp = f"{self.last + DAY * (30 + batch)}T00:00:00Z"
        few = 1 if is_quiet else min(len(rows), rng.choice((1, 1, 2, 3)))
        changed = [self._thought(object, row) for row in rng.sample(rows, few)]
        told_as_of = object != "exchange_rates" and rng.random() < 0.4
        # What ended on the day up to which the records went is over when they go further.
        as_of = rng.choice((self._true_on(), self.last + 100 * DAY, self.last + 100 * DAY))
        said = [row | {"updated_at": stamp} for row in changed]
        return [Delivery(object, said, str(as_of) if told_as_of else None)]

    def _thought(self, object: str, row: Row) -> Row:
        rng, row = self.rng, {name: value for name, value in row.items() if name != "is_deleted"}
        if object == "exchange_rates":
            is_first = row["date"] == str(self.first - DAY * 400)
            return row | {"rate": rng.choice(("0.5", "1.25"))} if is_first else self._change(object, row)
        kind = rng.random()
        if kind < 0.45:
            return row | {"account_id": rng.choice(ACCOUNTS)}
        if kind < 0.55:
            return row | {"currency": rng.choice(self.palette)}
        if kind < 0.65:
            return row | {"is_deleted": True}
        return self._change(object, row)

    def _changes(self) -> dict[str, Any]:
        rng, changes = self.rng, dict[str, Any]()
        if rng.random() < 0.5:
            for name in rng.sample(sorted(POLICIES), rng.choice((1, 1, 2))):
                changes[name] = rng.choice((*POLICIES[name], _UNSET))
        if rng.random() < 0.2:
            changes["reporting_currency"] = rng.choice((*self.palette, "EUR", "JPY", _UNSET))
        return changes
