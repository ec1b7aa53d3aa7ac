"""Gold Delta of a publication: which slices of which mart moved since a tenant was published, and their replacement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa

from orchestration.publish.schema import fitted_schema, month_of, stands
from orchestration.publish.sql import columns_of, literal
from orchestration.publish.state import ShardState
from transforms.engines.bulk import write_files
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake.slices import Slices, predicate
from warehouse_models.lake.trail import encode_slices
from warehouse_models.published.publication import Publication

_WHOLE = (date(1900, 1, 1), date(2999, 12, 31))
# What `trust` says of a tenant's figures, and not of their publication.
_FIGURES = ("tenant_id", "coverage", "revenue_through", "notice")


class GoldWriter:
    """Gold Delta of one shard while it is published."""

    def __init__(self, state: ShardState) -> None:
        self.state, self.tables = state, state.tables
        self._slices: dict[tuple[str, str], frozenset[date] | None] = {}

    def write(self, publications: Mapping[str, Publication], gone: set[str]) -> dict[str, int]:
        """Replace the changed slices in gold Delta, one commit a mart; mart → its version.

        `publications`: the new ones; `gone`: who is no tenant of the shard any more.
        """
        green = {slug for slug, publication in publications.items() if not publication.is_held}
        versions = {}
        for name, mart in gold_models.marts().items():
            if mart.is_view:
                continue
            if name == "trust":
                slices: dict[str, Any] = dict.fromkeys([*publications, *gone])
            else:
                slices = {**self.slices(mart, green), **dict.fromkeys(gone)}
            version = self._replace(mart, slices, green, publications) if slices else None
            if version is None:
                version = self.tables.version(mart.spec)
            if version is not None:
                versions[name] = version
        return versions

    def slices(self, mart: gold_models.Mart, tenants: set[str]) -> dict[str, Any]:
        """Tenant → dates of the mart that its next publication replaces; None: all of them."""
        moved = {}
        for slug in tenants:
            key = (mart.name, slug)
            if key not in self._slices:
                self._slices[key] = self._slices_of(mart, slug)
            dates = self._slices[key]
            if dates is None or dates:
                moved[slug] = dates
        return moved

    def _slices_of(self, mart: gold_models.Mart, slug: str) -> frozenset[date] | None:
        """Dates of one tenant that moved since its publication; None: all of them."""
        unit, column, last = mart.slice_unit, mart.spec.slice_column, self.state.published.get(slug)
        if last is None or last.run == 0:
            return None
        moved = [(first, to) for run, first, to in self._changes.get((slug, mart.slices), ()) if run > last.run]
        if column is None:
            return None if moved else frozenset()
        ranges = [(_start(first, unit), to) for first, to in moved]
        # A ledger's days are neither those of the events nor open-ended.
        is_open_ended = mart.slices != "int_affected_mrr_days"
        if any(first <= _WHOLE[0] for first, _ in ranges) or (is_open_ended and not _has_days(last)):
            return None
        bounds = self._bounds(slug, last) if is_open_ended and ranges else _WHOLE
        return frozenset(
            day
            for first, to in ranges
            for day in _days(max(first, bounds[0] - timedelta(days=31)), min(to, bounds[1]), unit)
        )

    @cached_property
    def _changes(self) -> Mapping[tuple[str, str | None], list[tuple[int, Any, Any]]]:
        """(tenant, scope) → (run, first day, last day) of what was built since; one query for all of 25 marts."""
        changes: dict[tuple[str, str | None], list[tuple[int, Any, Any]]] = defaultdict(list)
        rows = self.state.build.execute(
            "select tenant_id, scope, run, from_date, to_date from control.changes"
        ).fetchall()
        for slug, scope, run, first, last in rows:
            changes[slug, scope].append((run, first, last))
        return changes

    @cached_property
    def _periods(self) -> dict[str, tuple[date, date]]:
        """Tenant → first and last day of its data, in the build database."""
        sql = "select tenant_id, first_event_date, data_through from intermediate.int_tenants"
        return {slug: (first, through) for slug, first, through in self.state.build.execute(sql).fetchall() if first}

    def _bounds(self, slug: str, last: Publication) -> tuple[date, date]:
        """First and last day on which any row of the tenant can stand, now or in its last publication."""
        first, through = self._periods.get(slug, (_WHOLE[1], _WHOLE[0]))
        # A first event that turned out to be later leaves days behind it, which have to be emptied too.
        return min(first, last.first_day or first), max(through, last.data_through or through)

    def _replace(
        self, mart: gold_models.Mart, slices: Slices, green: set[str], publications: Mapping[str, Publication]
    ) -> int | None:
        """Replace slices of a mart's gold table; its version, or None where it holds these rows already."""
        if mart.name == "trust":
            sql = self._trust(green, publications)
        else:
            wanted = {slug: days for slug, days in slices.items() if slug in green}
            condition = predicate(wanted, mart.spec.slice_column)
            sql = f"select {columns_of(mart.name)} from marts.{mart.name} where {condition}"
            if None in slices.values() and stands(self.state, mart, sql, slices):
                return None
            order = ", ".join(key for key in ("tenant_id", mart.spec.slice_column) if key)
            sql += f" order by {order}"
        return self._commit(mart, slices, sql)

    def _commit(self, mart: gold_models.Mart, slices: Slices, sql: str) -> int:
        """Replace `slices` of a mart's gold table by the rows of `sql`; its version."""
        trail = {"definition": "gold", "inputs": self.state.silver.versions, "slices": encode_slices(slices)}
        schema = fitted_schema(self.state, mart, trail)
        sql = f"select {', '.join(_column(field, mart) for field in schema)} from ({sql})"
        if self._takes_files(mart, slices):
            uri = self.tables.table_uri(mart.table)
            files, _ = write_files(self.state.build, mart.table, uri, sql)
            return self.tables.replace_by_files(mart.table, files, trail=trail)
        batches = (batch.cast(schema) for batch in self.state.build.execute(sql).to_arrow_reader(100_000))
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        return self.tables.replace(mart.table, reader, slices, trail=trail)

    def _takes_files(self, mart: gold_models.Mart, slices: Slices) -> bool:
        """Whether the whole table of a mart is replaced, which DuckDB writes by itself.

        deltalake keeps a writer open for each partition of a stream: 6 M rows of 200 tenants, ten months took 4.6 GB.
        """
        if not mart.monthly_files or any(days is not None for days in slices.values()):
            return False
        if not self.tables.takes_files(mart.table):
            return False
        table = self.tables.table(mart.table)
        return table is not None and {part["tenant_id"] for part in table.partitions()} <= set(slices)

    def _trust(self, green: set[str], publications: Mapping[str, Publication]) -> str:
        """SELECT of the rows of `trust`: what is said of these publications, and of their figures."""
        names = columns_of("trust")
        if not publications:
            return f"select {names} from marts.trust where false"
        rows = " union all ".join(_trust_row(slug, publication) for slug, publication in publications.items())
        # The coverage of a held tenant belongs to figures that are not served; its last one is in gold Delta.
        sql = f"select * from ({rows}) as s left join ({self._figures(green)}) as t using (tenant_id)"
        return f"select {names} from ({sql})"

    def _figures(self, green: set[str]) -> str:
        """SELECT of what `trust` says of the figures themselves: of green tenants as built, of others as published."""
        listed = ", ".join(literal(slug) for slug in sorted(green)) or "null"
        parts = [f"select {', '.join(_FIGURES)} from marts.trust where tenant_id in ({listed})"]
        table = self.tables.table(gold_models.marts()["trust"].spec)
        if table is not None:
            there = {field.name for field in table.schema().fields}
            names = ", ".join(name if name in there else f"null as {name}" for name in _FIGURES)
            scan = self.tables.scan("gold/trust", table.version())
            parts.append(f"select {names} from {scan} where tenant_id not in ({listed})")
        return " union all ".join(parts)


def _has_days(publication: Publication) -> bool:
    return publication.first_day is not None and publication.data_through is not None


def _column(field: pa.Field, mart: gold_models.Mart) -> str:
    if field.name in mart.spec.arrow_schema.names:
        return f'"{field.name}"'
    return month_of(mart) if field.name == mart.table.month_column else f'null as "{field.name}"'


def _trust_row(slug: str, publication: Publication) -> str:
    return (
        f"select {literal(slug)} as tenant_id, {publication.version}::bigint as published_version, "
        f"{literal(publication.figures_at)}::timestamptz as published_at, "
        f"{literal(publication.data_through)}::date as data_through, "
        f"{publication.checks_failed}::bigint as checks_failed, {literal(publication.is_held)} as is_held, "
        f"{literal(publication.held_reason)}::varchar as held_reason, "
        f"{literal(publication.event_lag_seconds)}::bigint as event_lag_seconds"
    )


def _start(day: date, unit: str) -> date:
    """First day of the day's week or month, or the day."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _days(first: date, last: date, unit: str) -> list[date]:
    """Days of a range on which a row of `unit` can be dated."""
    days = [first + timedelta(days=step) for step in range((last - first).days + 1)]
    if unit == "week":
        return [day for day in days if day.weekday() == 0]
    return [day for day in days if day.day == 1] if unit == "month" else days
