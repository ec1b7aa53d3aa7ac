"""Gold Delta of a publication: which slices of which mart moved since a tenant was published, and their replacement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.publish_files import columns_of, literal
from orchestration.publish_schema import fitted_schema, stands
from warehouse_models import gold as gold_models
from warehouse_models.lake import Lake
from warehouse_models.slices import Slices, predicate
from warehouse_models.trail import encode_slices

_WHOLE = (date(1900, 1, 1), date(2999, 12, 31))
# What `trust` says of a tenant's figures, and not of their publication.
_FIGURES = ("tenant_id", "coverage", "revenue_through", "notice")


class GoldWriter:
    """Gold Delta of one shard while it is published.

    `entries`: the shard's tenants in the manifest before; `versions`: silver that the audited tables were built from.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: Lake,
        shard: str,
        entries: Mapping[str, dict[str, Any]],
        versions: Mapping[str, int],
    ) -> None:
        self.connection, self.lake, self.shard, self.entries, self.versions = connection, lake, shard, entries, versions

    def write(self, changes: Mapping[str, dict[str, Any]], gone: set[str]) -> dict[str, int]:
        """Replace the changed slices in gold Delta, one commit a mart; mart → its version."""
        green = {slug for slug, entry in changes.items() if not entry["is_held"]}
        versions = {}
        for name, mart in gold_models.marts().items():
            if mart.is_view:
                continue
            if name == "trust":
                slices: dict[str, Any] = dict.fromkeys([*changes, *gone])
            else:
                slices = {**self.slices(mart, green), **dict.fromkeys(gone)}
            version = self._replace(mart, slices, green, changes) if slices else None
            if version is None:
                version = self.lake.version(mart.spec, self.shard)
            if version is not None:
                versions[name] = version
        return versions

    def slices(self, mart: gold_models.Mart, tenants: set[str]) -> dict[str, Any]:
        """Tenant → dates of the mart that its next publication replaces; None: all of them."""
        unit, column = mart.slice_unit, mart.spec.slice_column
        found: dict[str, Any] = {}
        for slug in tenants:
            entry = self.entries.get(slug, {})
            since = entry.get("run", 0)
            if column is None and since and not self._moved(slug, since, mart.slices):
                continue
            if column is None or since == 0:
                found[slug] = None
                continue
            ranges = self.connection.execute(
                f"select date_trunc('{unit}', from_date)::date, to_date from control.changes "
                "where tenant_id = ? and run > ? and scope = ?",
                [slug, since, mart.slices],
            ).fetchall()
            # A ledger's days are neither those of the events nor open-ended.
            is_open_ended = mart.slices != "int_affected_mrr_days"
            if any(first <= _WHOLE[0] for first, _ in ranges) or (is_open_ended and not _has_days(entry)):
                found[slug] = None
            elif ranges:
                bounds = self._bounds(slug) if is_open_ended else _WHOLE
                days = {
                    day
                    for first, last in ranges
                    for day in _days(max(first, bounds[0] - timedelta(days=31)), min(last, bounds[1]), unit)
                }
                if days:
                    found[slug] = frozenset(days)
        return found

    def _moved(self, slug: str, since: int, scope: str | None) -> bool:
        sql = "select 1 from control.changes where tenant_id = ? and run > ? and scope = ? limit 1"
        return self.connection.execute(sql, [slug, since, scope]).fetchone() is not None

    def _bounds(self, slug: str) -> tuple[date, date]:
        """First and last day on which any row of the tenant can stand, now or in its last publication."""
        row = self.connection.execute(
            "select first_event_date, data_through from intermediate.int_tenants where tenant_id = ?", [slug]
        ).fetchone()
        first, through = row if row and row[0] else (_WHOLE[1], _WHOLE[0])
        # A first event that turned out to be later leaves days behind it, which have to be emptied too.
        told = [date.fromisoformat(self.entries[slug][name]) for name in ("first_day", "data_through")]
        return min(first, told[0]), max(through, told[1])

    def _replace(
        self, mart: gold_models.Mart, slices: Slices, green: set[str], changes: Mapping[str, dict[str, Any]]
    ) -> int | None:
        names = columns_of(mart.name)
        if mart.name == "trust":
            rows = " union all ".join(_trust_row(slug, entry) for slug, entry in changes.items())
            stated = f"select * from ({rows or 'select null as tenant_id where false'}) as s"
            # The coverage of a held tenant belongs to figures that are not served; its last one is in gold Delta.
            sql = f"{stated} left join ({self._figures(green)}) as t using (tenant_id)"
            sql = f"select {names} from ({sql})" if rows else f"select {names} from marts.trust where false"
        else:
            wanted = {slug: days for slug, days in slices.items() if slug in green}
            sql = f"select {names} from marts.{mart.name} where {predicate(wanted, mart.spec.slice_column)}"
            if None in slices.values() and stands(self.connection, self.lake, self.shard, mart, sql, slices):
                return None
            order = ", ".join(key for key in ("tenant_id", mart.spec.slice_column) if key)
            sql += f" order by {order}"
        trail = {"definition": "gold", "inputs": self.versions, "slices": encode_slices(slices)}
        schema = fitted_schema(self.connection, self.lake, self.shard, mart, trail)
        sql = f"select {', '.join(_column(field, mart) for field in schema)} from ({sql})"
        batches = (batch.cast(schema) for batch in self.connection.execute(sql).to_arrow_reader(100_000))
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        return self.lake.replace(mart.spec, self.shard, reader, slices, trail=trail)

    def _figures(self, green: set[str]) -> str:
        """SELECT of what `trust` says of the figures themselves: of green tenants as built, of others as published."""
        listed = ", ".join(literal(slug) for slug in sorted(green)) or "null"
        parts = [f"select {', '.join(_FIGURES)} from marts.trust where tenant_id in ({listed})"]
        table = self.lake.table(gold_models.marts()["trust"].spec, self.shard)
        if table is not None:
            there = {field.name for field in table.schema().fields}
            names = ", ".join(name if name in there else f"null as {name}" for name in _FIGURES)
            uri = self.lake.table_uri("gold/trust", self.shard)
            parts.append(
                f"select {names} from delta_scan({literal(uri)}, version := {table.version()}) "
                f"where tenant_id not in ({listed})"
            )
        return " union all ".join(parts)


def _has_days(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("first_day") and entry["data_through"])


def _column(field: pa.Field, mart: gold_models.Mart) -> str:
    return f'"{field.name}"' if field.name in mart.spec.arrow_schema.names else f'null as "{field.name}"'


def _trust_row(slug: str, entry: Mapping[str, Any]) -> str:
    return (
        f"select {literal(slug)} as tenant_id, {entry['version']}::bigint as published_version, "
        f"{literal(entry['figures_at'])}::timestamptz as published_at, {literal(entry['data_through'])}::date as "
        f"data_through, {entry['checks_failed']}::bigint as checks_failed, {literal(entry['is_held'])} as is_held, "
        f"{literal(entry['held_reason'])}::varchar as held_reason, "
        f"{literal(entry.get('event_lag_seconds'))}::bigint as event_lag_seconds"
    )


def _days(first: date, last: date, unit: str) -> list[date]:
    """Days of a range on which a row of `unit` can be dated."""
    days = [first + timedelta(days=step) for step in range((last - first).days + 1)]
    if unit == "week":
        return [day for day in days if day.weekday() == 0]
    return [day for day in days if day.day == 1] if unit == "month" else days
