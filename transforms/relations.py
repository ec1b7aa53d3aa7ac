"""What the texts of a transform see in one run, exposed to an engine: inputs, policies, the table itself.

The names of the views are in `definition.py`; the engine forgets them at the end of the run (`reset`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from transforms.definition import Input, Transform
from transforms.engines.engine import Engine
from transforms.planning import Plan, Target
from warehouse_models.catalog.tenants import Tenant
from warehouse_models.lake.slices import Slices, closed, conditions, union, widen
from warehouse_models.policies import policy
from warehouse_models.spec import TableSpec
from warehouse_models.specs import spec as spec_at


def expose_policies(engine: Engine, transform: Transform, tenants: Sequence[Tenant]) -> None:
    """Show the policy relations that the texts name."""
    if transform.relations:
        tables = policy.settings_tables((tenant.tenant_id, tenant.settings) for tenant in tenants)
        for name in transform.relations:
            engine.expose_rows(name, tables[name])


@dataclass(frozen=True)
class Relations:
    """Shows an engine what one planned run of one transform may read."""

    engine: Engine
    target: Target
    plan: Plan

    @property
    def transform(self) -> Transform:
        """The transform that runs."""
        return self.target.transform

    def touched(self) -> Slices:
        """Slices that `<table>.touched.sql` finds, looking only at tenants whose names may have changed."""
        asked = [address for address, read in self.transform.inputs.items() if read.touches_by_query]
        scope = _whole(union(self.plan.trails[address].slices for address in asked))
        for address in self.transform.inputs:
            if address in asked:
                self._expose_input(address, "", scope)
                spec = spec_at(address)
                self._expose(spec, f"{spec.view}__before", self.plan.before.get(address), scope)
            else:
                self._expose_input(address, "__all", scope)
        self._expose_own("__self", scope)
        return _grouped(self.engine.rows(self.transform.touched_sql or ""))

    def expose_inputs(self, slices: Slices | None) -> None:
        """Show each input as far as the output `slices` follow from it; None: all of it."""
        for address, read in self.transform.inputs.items():
            self._expose_input(address, "", None if slices is None else self._needed(read, slices))
            if self.transform.upsert:
                self._expose_input(address, "__all", None if slices is None else self._landed_tenants(address))
        if self.transform.upsert:
            self._expose_met([] if slices is None else self._own_scope())

    def upserted(self, sql: str) -> tuple[str, Slices]:
        """SELECT of the new contents of the slices that new winners enter or leave, and those slices."""
        spec = self.transform.spec
        self.engine.stage("upserted", sql, self.transform.materialize)
        day = spec.slice_column
        same = " AND ".join(f"s.{name} = u.{name}" for name in ("tenant_id", "message_key", "message_id"))
        entered = _grouped(
            self.engine.rows(
                f"SELECT DISTINCT tenant_id, {day} FROM upserted "
                f"UNION SELECT s.tenant_id, s.{day} FROM {spec.view}__met AS s INNER JOIN upserted AS u ON {same}"
            )
        )
        slices = closed(union([entered, dict.fromkeys(self.plan.whole)]))
        names = ", ".join(f"`{column.name}`" for column in spec.columns)
        kept = ", ".join(f"s.`{column.name}`" for column in spec.columns)
        dated = {tenant: dates for tenant, dates in slices.items() if dates is not None}
        self._expose_own("__slices", conditions(dated, day, spec.month_column))
        return (
            f"SELECT {names} FROM upserted UNION ALL SELECT {kept} FROM {spec.view}__slices AS s "
            f"LEFT ANTI JOIN upserted AS u ON {same}",
            slices,
        )

    def _expose_met(self, scope: Sequence[str]) -> None:
        """Make `<own view>__met` the rows of the table's own days on which it has a key that landed.

        All of its keys are looked at, because a message can come again after any time, and nothing else is: a scan of
        two narrow columns. Most of what landed is met nowhere, so few days are read in their width, or none.
        """
        own = self.transform.spec
        day = own.slice_column
        self._expose_own("__self", scope)
        met: Slices = {}
        if scope and self.plan.own_version is not None:
            views = [spec_at(address).view for address in self.transform.inputs]
            landed = " UNION ALL ".join(f"SELECT tenant_id, message_key FROM {view}" for view in views)
            met = _grouped(
                self.engine.rows(
                    f"SELECT DISTINCT s.tenant_id, s.{day} FROM {own.view}__self AS s "
                    f"LEFT SEMI JOIN ({landed}) AS n ON s.tenant_id = n.tenant_id AND s.message_key = n.message_key"
                )
            )
        self._expose_own("__met", conditions(met, day, own.month_column))

    def _needed(self, read: Input, slices: Slices) -> list[str]:
        """Conditions of the rows of an input that the output slices follow from."""
        if read.new_rows:
            return self._new_rows(read.address)
        spec = spec_at(read.address)
        if read.days is None or spec.slice_column is None or self.transform.spec.slice_column is None:
            return _whole(slices)
        window = widen(slices, before=-read.days[0], after=read.days[1])
        return conditions(window, spec.slice_column, spec.month_column)

    def _new_rows(self, address: str) -> list[str]:
        """Conditions of the rows that landed since the last run, and of all rows of tenants to be computed anew."""
        trail = self.plan.trails[address]
        terms = []
        whole = _whole(self.plan.whole)
        if trail.batches:
            days = ", ".join(f"DATE '{day}'" for day in sorted(trail.landed_dates))
            batches = ", ".join(f"'{batch}'" for batch in sorted(trail.batches))
            others = "".join(f" AND NOT {term}" for term in whole)
            terms.append(f"(landed_date IN ({days}) AND batch_id IN ({batches}){others})")
        return terms + whole

    def _landed_tenants(self, address: str) -> list[str]:
        return _whole({*self.plan.trails[address].slices, *self.plan.whole})

    def _own_scope(self) -> list[str]:
        """Rows of its own table that new copies can meet: those of tenants that landed, unless computed anew."""
        landed = {tenant for trail in self.plan.trails.values() for tenant in trail.slices}
        return _whole(landed - self.plan.whole)

    def _expose_input(self, address: str, suffix: str, where: Sequence[str] | None) -> None:
        spec = spec_at(address)
        self._expose(spec, spec.view + suffix, self.plan.trails[address].version, where)

    def _expose_own(self, suffix: str, where: Sequence[str]) -> None:
        own = self.transform.spec
        self._expose(own, own.view + suffix, self.plan.own_version, where)

    def _expose(self, spec: TableSpec, view: str, version: int | None, where: Sequence[str] | None) -> None:
        uri = self.target.tables.table_uri(spec)
        self.engine.expose(view, spec, uri, version, where)


def _whole(tenants: Iterable[str]) -> list[str]:
    """Conditions of all rows of some tenants."""
    return conditions(dict.fromkeys(tenants), None)


def _grouped(rows: Iterable[tuple[Any, ...]]) -> Slices:
    """Slices of rows of (tenant, date)."""
    dates: dict[str, set[date]] = {}
    for tenant, day in rows:
        dates.setdefault(tenant, set()).add(day)
    return {tenant: frozenset(days) for tenant, days in dates.items()}
