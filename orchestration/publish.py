"""Gold to published, tenant by tenant: green ones move, red ones keep what they have.

    build db ─▶ gold Delta (touched slices of green tenants) ─▶ published/<tenant>/<version>.duckdb ─▶ manifest swap

Nothing before the swap is named by anything, so a kill leaves the old state; what it wrote is written again. A red
tenant that was published before gets a copy of its last file in which only `trust` differs: the old figures, and why
they are old. Where the marts' contracts moved on meanwhile, the copy has today's columns, empty where the old figures
lack them. A tenant that was never green has no file; the manifest lists it as held.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.audit.rules import checks_hash
from orchestration.audit.verdict import Verdict
from orchestration.held import failed_checks, sentence, since_of
from orchestration.locks import manifest_lock, shard_lock
from orchestration.publish_files import (
    columns_of,
    contracts_hash,
    copy_with_trust,
    literal,
    write_all_file,
    write_tenant_file,
)
from orchestration.publish_schema import fitted_schema, stands
from orchestration.retention import prune
from warehouse_models import duck, home, replica
from warehouse_models import gold as gold_models
from warehouse_models.catalog import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake import Lake
from warehouse_models.manifest import Manifest
from warehouse_models.slices import Slices, predicate
from warehouse_models.trail import encode_slices

_ATTEMPTS = 30
_WHOLE = (date(1900, 1, 1), date(2999, 12, 31))


@dataclass
class PublishResult:
    """What one publication did. `manifest`: its number; unchanged and `published`, `held` empty when nothing moved."""

    shard: str
    manifest: int
    published: dict[str, int] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    pruned: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def publish(lake: Lake, shard: str, verdicts: Mapping[str, Verdict]) -> PublishResult:
    """Publish the shard's green tenants that have something new, hold the red ones, and swap the manifest.

    `verdicts` are those of the run_gold before it. TenureError: another process holds the shard or the manifest.
    """
    root = home.published_root()
    with shard_lock(shard, "a publication"):
        clock = time.monotonic()
        before, _ = replica.present(root)
        result = PublishResult(shard, before.number)
        connection = duck.connect(home.build_path(shard))
        try:
            known = {tenant.tenant_id for tenant in Catalog(lake).tenants(shard)}
            entries = {slug: entry for slug, entry in before.tenants.items() if entry["shard"] == shard}
            state = _State(connection, lake, shard, root, entries)
            changes = state.new_entries({slug: v for slug, v in verdicts.items() if slug in known})
            gone = set(entries) - known
            result.seconds["files"] = time.monotonic() - clock
            if not changes and not gone:
                return result
            clock = time.monotonic()
            result.tables = state.write_gold(changes, gone)
            result.seconds["gold_delta"] = time.monotonic() - clock
        finally:
            connection.close()
        clock = time.monotonic()
        for entry in changes.values():
            entry["file"] = entry["file"] and replica.upload(root, entry["file"])
        silver = state.versions if any(not entry["is_held"] for entry in changes.values()) else None
        result.manifest = _swap(lake, root, shard, entries, changes, gone, result.tables, silver)
        result.seconds["manifest"] = time.monotonic() - clock
        for slug, entry in changes.items():
            if entry["is_held"]:
                result.held[slug] = entry["held_reason"]
            else:
                result.published[slug] = entry["version"]
        result.pruned = prune(root)
        return result


class _State:
    """One shard while it is published: its build database, its entries in the manifest, its changes."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: Lake,
        shard: str,
        root: Path,
        entries: Mapping[str, dict[str, Any]],
    ) -> None:
        self.connection, self.lake, self.shard, self.root, self.entries = connection, lake, shard, root, entries
        self.now = datetime.now(UTC)
        consumed = connection.execute("select address, version from control.consumed").fetchall()
        # The views are pinned to what the audited tables were built from, never to a newer commit.
        self.versions: dict[str, int] = dict(consumed)
        self.runs: dict[str, int] = dict(
            connection.execute("select tenant_id, max(run) from control.changes group by tenant_id").fetchall()
        )

    def new_entries(self, verdicts: Mapping[str, Verdict]) -> dict[str, dict[str, Any]]:
        """Tenant → its new entry, its file written; tenants without news are left out."""
        found = {}
        for slug, verdict in sorted(verdicts.items()):
            entry = self._green(slug) if verdict.green else self._red(slug, verdict)
            if entry is not None:
                found[slug] = entry
        return found

    def _green(self, slug: str) -> dict[str, Any] | None:
        last = self.entries.get(slug, {})
        run = self.runs.get(slug, 0)
        if last and not last["is_held"] and run <= last["run"]:
            return None
        version = last.get("version", 0) + 1
        trust = {
            "published_version": version,
            "published_at": self.now,
            "checks_failed": 0,
            "is_held": False,
            "held_reason": None,
        }
        file = f"{slug}/{version}.duckdb"
        write_tenant_file(self.connection, self.root / file, slug, trust, self.lake, self.shard, self.versions)
        row = self.connection.execute("select data_through from marts.trust where tenant_id = ?", [slug]).fetchone()
        through = row[0].isoformat() if row and row[0] else None
        return {
            "file": file,
            "version": version,
            "shard": self.shard,
            "published_at": self.now.isoformat(),
            "figures_at": self.now.isoformat(),
            "is_held": False,
            "held_reason": None,
            "held_since": None,
            "checks_failed": 0,
            "failed_checks": [],
            "checks": checks_hash(),
            "contracts": contracts_hash(),
            "first_day": self._first_day(slug),
            "data_through": through,
            "run": run,
            "judged": run,
            "silver": self.versions,
        }

    def _red(self, slug: str, verdict: Verdict) -> dict[str, Any] | None:
        last = self.entries.get(slug)
        since = since_of(last, self.now)
        through = (last or {}).get("data_through")
        reason = sentence(
            str(verdict.reason),
            datetime.fromisoformat(since).date(),
            date.fromisoformat(through) if through else None,
        )
        trust = {"checks_failed": len(verdict.failures), "is_held": True, "held_reason": reason}
        judged = (last or {}).get("judged", 0)
        if verdict.conclusive:
            judged = max(self.runs.get(slug, 0), judged)
        shown = {**trust, "contracts": contracts_hash()}
        told = {"judged": judged, "held_since": since, "failed_checks": failed_checks(verdict), "checks": checks_hash()}
        changed = not last or any(last.get(key) != value for key, value in shown.items())
        if last and not changed and all(last.get(key) == value for key, value in told.items()):
            return None
        entry = dict(last) if last else {"file": None, "version": 0, "shard": self.shard, "figures_at": None, "run": 0}
        entry |= {"published_at": self.now.isoformat(), **shown, **told}
        entry.setdefault("data_through", None)
        entry.setdefault("silver", {})
        if entry["file"] and changed:
            entry["version"] += 1
            replica.fetch(self.root, [entry["file"]])
            source, entry["file"] = self.root / entry["file"], f"{slug}/{entry['version']}.duckdb"
            stated = {"published_version": entry["version"], **trust}
            views = (self.lake, self.shard, entry["silver"])
            copy_with_trust(source, self.root / entry["file"], slug, stated, *views)
        return entry

    def write_gold(self, changes: Mapping[str, dict[str, Any]], gone: set[str]) -> dict[str, int]:
        """Replace the changed slices in gold Delta, one commit a mart; mart → its version."""
        green = {slug for slug, entry in changes.items() if not entry["is_held"]}
        versions = {}
        for name, mart in gold_models.marts().items():
            if mart.is_view:
                continue
            if name == "trust":
                slices: dict[str, Any] = dict.fromkeys([*changes, *gone])
            else:
                slices = {**self._slices(mart, green), **dict.fromkeys(gone)}
            version = self._replace(mart, slices, green, changes) if slices else None
            if version is None:
                version = self.lake.version(mart.spec, self.shard)
            if version is not None:
                versions[name] = version
        return versions

    def _slices(self, mart: gold_models.Mart, tenants: set[str]) -> dict[str, Any]:
        """Tenant → dates of the mart that its next publication replaces; None: all of them."""
        unit, column = mart.slice_unit, mart.spec.slice_column
        found: dict[str, Any] = {}
        for slug in tenants:
            entry = self.entries.get(slug, {})
            since = entry.get("run", 0)
            if column is None or since == 0 or not entry.get("first_day") or not entry["data_through"]:
                found[slug] = None
                continue
            ranges = self.connection.execute(
                f"select date_trunc('{unit}', from_date)::date, to_date from control.changes "
                "where tenant_id = ? and run > ? and scope = ?",
                [slug, since, mart.slices],
            ).fetchall()
            if any(first <= _WHOLE[0] or last >= _WHOLE[1] for first, last in ranges):
                found[slug] = None
            elif ranges:
                bounds = self._bounds(slug)
                days = {
                    day
                    for first, last in ranges
                    for day in _days(max(first, bounds[0] - timedelta(days=31)), min(last, bounds[1]), unit)
                }
                if days:
                    found[slug] = frozenset(days)
        return found

    def _bounds(self, slug: str) -> tuple[date, date]:
        """First and last day on which any row of the tenant can stand, now or in its last publication."""
        row = self.connection.execute(
            "select first_event_date, data_through from intermediate.int_tenants where tenant_id = ?", [slug]
        ).fetchone()
        first, through = row if row and row[0] else (_WHOLE[1], _WHOLE[0])
        # A first event that turned out to be later leaves days behind it, which have to be emptied too.
        told = [date.fromisoformat(self.entries[slug][name]) for name in ("first_day", "data_through")]
        return min(first, told[0]), max(through, told[1])

    def _first_day(self, slug: str) -> str | None:
        row = self.connection.execute(
            "select first_event_date from intermediate.int_tenants where tenant_id = ?", [slug]
        ).fetchone()
        return row[0].isoformat() if row and row[0] else None

    def _replace(
        self, mart: gold_models.Mart, slices: Slices, green: set[str], changes: Mapping[str, dict[str, Any]]
    ) -> int | None:
        names = columns_of(mart.name)
        if mart.name == "trust":
            rows = " union all ".join(_trust_row(slug, entry) for slug, entry in changes.items())
            stated = f"select s.*, t.coverage from ({rows or 'select null as tenant_id where false'}) as s"
            # The coverage of a held tenant belongs to figures that are not served; its last one is in gold Delta.
            sql = f"{stated} left join ({self._coverages(green)}) as t using (tenant_id)"
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

    def _coverages(self, green: set[str]) -> str:
        listed = ", ".join(literal(slug) for slug in sorted(green)) or "null"
        parts = [f"select tenant_id, coverage from marts.trust where tenant_id in ({listed})"]
        version = self.lake.version(gold_models.marts()["trust"].spec, self.shard)
        if version is not None:
            uri = self.lake.table_uri("gold/trust", self.shard)
            parts.append(
                f"select tenant_id, coverage from delta_scan({literal(uri)}, version := {version}) "
                f"where tenant_id not in ({listed})"
            )
        return " union all ".join(parts)


def _column(field: pa.Field, mart: gold_models.Mart) -> str:
    return f'"{field.name}"' if field.name in mart.spec.arrow_schema.names else f'null as "{field.name}"'


def _trust_row(slug: str, entry: Mapping[str, Any]) -> str:
    return (
        f"select {literal(slug)} as tenant_id, {entry['version']}::bigint as published_version, "
        f"{literal(entry['figures_at'])}::timestamptz as published_at, {literal(entry['data_through'])}::date as "
        f"data_through, {entry['checks_failed']}::bigint as checks_failed, {literal(entry['is_held'])} as is_held, "
        f"{literal(entry['held_reason'])}::varchar as held_reason"
    )


def _days(first: date, last: date, unit: str) -> list[date]:
    """Days of a range on which a row of `unit` can be dated."""
    days = [first + timedelta(days=step) for step in range((last - first).days + 1)]
    if unit == "week":
        return [day for day in days if day.weekday() == 0]
    return [day for day in days if day.day == 1] if unit == "month" else days


def _swap(
    lake: Lake,
    root: Path,
    shard: str,
    entries: Mapping[str, dict[str, Any]],
    changes: Mapping[str, dict[str, Any]],
    gone: set[str],
    tables: Mapping[str, int],
    silver: Mapping[str, int] | None,
) -> int:
    """Write the file over all tenants and make the new manifest the present one; its number.

    Several shards publish at once: whoever comes later takes the others' latest state along. TenureError where another
    host published this shard since `entries` was read: its figures may be newer than ours.
    """
    with manifest_lock(root, f"the publication of shard {shard}"):
        for _ in range(_ATTEMPTS):
            before, token = replica.present(root)
            if {slug: entry for slug, entry in before.tenants.items() if entry["shard"] == shard} != entries:
                why = "another host published it while this run worked on it"
                raise TenureError(
                    f"the publication of shard {shard}", why, "run again; one host a shard saves the work"
                )
            manifest = _next(lake, root, shard, before, changes, gone, tables, silver)
            if replica.swap(root, manifest, token):
                return manifest.number
        raise TenureError("the published manifest", "other hosts keep changing it", "run again")


def _next(
    lake: Lake,
    root: Path,
    shard: str,
    before: Manifest,
    changes: Mapping[str, dict[str, Any]],
    gone: set[str],
    tables: Mapping[str, int],
    silver: Mapping[str, int] | None,
) -> Manifest:
    """The manifest after `before`, its file over all tenants written."""
    tenants = {slug: entry for slug, entry in before.tenants.items() if slug not in gone} | dict(changes)
    kept = dict(before.tables.get(shard, {}))
    kept |= {f"gold/{mart}": version for mart, version in tables.items()}
    kept |= dict(silver or {})
    all_tables = {**before.tables, shard: kept}
    number = before.number + 1
    file = f"_all/{number}.duckdb"
    scans = {name: _scans(name, all_tables[name], tenants) for name in sorted(all_tables)}
    write_all_file(root / file, lake, scans)
    everything = {"file": replica.upload(root, file), "version": number}
    return Manifest(number, datetime.now(UTC).isoformat(), tenants, everything, all_tables)


def _scans(shard: str, tables: Mapping[str, int], tenants: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What the file over all tenants scans of one shard: see write_all_file."""
    gold = {address.split("/", 1)[1]: version for address, version in tables.items() if address.startswith("gold/")}
    newest = {address: version for address, version in tables.items() if address.startswith("silver/")}
    held = {slug: entry for slug, entry in tenants.items() if entry["shard"] == shard and entry["is_held"]}
    listed = ", ".join(literal(slug) for slug in sorted(held))
    scans = [(newest, f"tenant_id not in ({listed})" if held else "true")]
    for slug, entry in sorted(held.items()):
        if entry["silver"]:
            scans.append((entry["silver"], f"tenant_id = {literal(slug)}"))
    return {"gold": gold, "silver": scans}
