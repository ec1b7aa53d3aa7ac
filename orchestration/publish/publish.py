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
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from orchestration.audit.rules import checks_hash
from orchestration.audit.verdict import Verdict
from orchestration.locks import manifest_lock, shard_lock
from orchestration.publish.files import (
    contracts_hash,
    copy_with_trust,
    literal,
    patch_tenant_file,
    write_all_file,
    write_tenant_file,
)
from orchestration.publish.gold import GoldWriter
from orchestration.publish.held import failed_checks, sentence, since_of
from orchestration.publish.lag import event_lags
from orchestration.publish.retention import prune
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.errors import TenureError
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.slices import Slices
from warehouse_models.published import replica
from warehouse_models.published.manifest import Manifest

_ATTEMPTS = 30
# A patched file keeps blocks of the rows that were replaced: after so many patches it is written anew.
_PATCHES = 20


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
            result.tables = state.gold.write(changes, gone)
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
        self.lags: dict[str, dict[str, Any]] = {}
        self.gold = GoldWriter(connection, lake, shard, entries, self.versions)
        self.runs: dict[str, int] = dict(
            connection.execute("select tenant_id, max(run) from control.changes group by tenant_id").fetchall()
        )

    def new_entries(self, verdicts: Mapping[str, Verdict]) -> dict[str, dict[str, Any]]:
        """Tenant → its new entry, its file written; tenants without news are left out."""
        found = {}
        green = [slug for slug, verdict in verdicts.items() if verdict.green]
        self.lags = event_lags(self.lake, self.shard, green, self.versions, self.entries, self.now)
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
        none = {key: last.get(key) for key in ("event_lag_seconds", "landed_through")}
        lag = self.lags.get(slug, none)
        trust = {
            "published_version": version,
            "published_at": self.now,
            "checks_failed": 0,
            "is_held": False,
            "held_reason": None,
            "event_lag_seconds": lag["event_lag_seconds"],
        }
        file = f"{slug}/{version}.duckdb"
        views = (self.lake, self.shard, self.versions)
        slices = self._patch(slug, last)
        if slices is None:
            write_tenant_file(self.connection, self.root / file, slug, trust, *views)
        else:
            replica.fetch(self.root, [last["file"]])
            source = self.root / last["file"]
            patch_tenant_file(self.connection, source, self.root / file, slug, trust, slices, *views)
        days = "select data_through, revenue_through from marts.trust where tenant_id = ?"
        row = self.connection.execute(days, [slug]).fetchone() or (None, None)
        through, revenue_through = (day.isoformat() if day else None for day in row)
        return {
            "file": file,
            "version": version,
            "figures_version": version,
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
            "patches": 0 if slices is None else last.get("patches", 0) + 1,
            "first_day": self._first_day(slug),
            "data_through": through,
            "revenue_through": revenue_through,
            **lag,
            "run": run,
            "judged": run,
            "silver": self.versions,
        }

    def _patch(self, slug: str, last: Mapping[str, Any]) -> dict[str, Slices] | None:
        """Mart → slices in which the tenant's last file differs from what is to be published; None: write it anew."""
        if not last.get("file") or last["contracts"] != contracts_hash() or last.get("patches", 0) >= _PATCHES:
            return None
        found: dict[str, Slices] = {}
        for name, mart in gold_models.marts().items():
            if mart.is_view or name == "trust":
                continue
            found[name] = self.gold.slices(mart, {slug})
            if mart.spec.slice_column is not None and found[name].get(slug, frozenset()) is None:
                return None
        return found

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

    def _first_day(self, slug: str) -> str | None:
        row = self.connection.execute(
            "select first_event_date from intermediate.int_tenants where tenant_id = ?", [slug]
        ).fetchone()
        return row[0].isoformat() if row and row[0] else None


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
