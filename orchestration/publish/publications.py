"""Each tenant's next publication: a green one gets its new figures, a red one keeps what it had and says why.

verdict ─▶ green: a new file, written or patched        red: a copy of the last file, another row of `trust`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from orchestration.audit.rules import checks_hash
from orchestration.audit.verdict import Verdict
from orchestration.publish.files import TenantFile
from orchestration.publish.gold import GoldWriter
from orchestration.publish.held import failed_checks, sentence, since_of
from orchestration.publish.lag import Lag, event_lags
from orchestration.publish.sql import contracts_hash
from orchestration.publish.state import ShardState
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake.slices import Slices
from warehouse_models.published import replica
from warehouse_models.published.publication import Pins, Publication

# A patched file keeps blocks of the rows that were replaced: after so many patches it is written anew.
MOST_PATCHES = 20
# What a held tenant's file says of itself: where one of these moves, its last file is copied.
_SHOWN = ("checks_failed", "is_held", "held_reason", "contracts")


def new_publications(state: ShardState, gold: GoldWriter, verdicts: Mapping[str, Verdict]) -> dict[str, Publication]:
    """Tenant → its new publication, its file written; tenants without news are left out."""
    lags = event_lags(state, [slug for slug, verdict in verdicts.items() if verdict.green])
    publications = {}
    for slug, verdict in sorted(verdicts.items()):
        publication = _green(state, gold, slug, lags.get(slug)) if verdict.green else _red(state, slug, verdict)
        if publication is not None:
            publications[slug] = publication
    return publications


def _green(state: ShardState, gold: GoldWriter, slug: str, lag: Lag | None) -> Publication | None:
    """The publication of what was built; None where nothing was built since the last one."""
    last = state.published.get(slug) or Publication(shard=state.shard)
    run = state.runs.get(slug, 0)
    if slug in state.published and not last.is_held and run <= last.run:
        return None
    version = last.version + 1
    lag = lag or Lag(last.event_lag_seconds, last.landed_through)
    trust = {
        "published_version": version,
        "published_at": state.now,
        "checks_failed": 0,
        "is_held": False,
        "held_reason": None,
        "event_lag_seconds": lag.event_lag_seconds,
    }
    name = f"{slug}/{version}.duckdb"
    patches = _write_file(state, gold, last, _file(state, name, state.silver, trust))
    first_day, data_through, revenue_through = _days(state, slug)
    return Publication(
        shard=state.shard,
        file=name,
        version=version,
        figures_version=version,
        published_at=state.now,
        figures_at=state.now,
        run=run,
        judged=run,
        checks=checks_hash(),
        contracts=contracts_hash(),
        patches=patches,
        first_day=first_day,
        data_through=data_through,
        revenue_through=revenue_through,
        landed_through=lag.landed_through,
        event_lag_seconds=lag.event_lag_seconds,
        silver=state.silver.versions,
    )


def _write_file(state: ShardState, gold: GoldWriter, last: Publication, file: TenantFile) -> int:
    """Write a tenant's file, where it is less work as a patch of its last one; how often that makes it patched."""
    slices = _moved(gold, file.tenant, last)
    if last.file is None or slices is None:
        file.write(state.build)
        return 0
    replica.fetch(state.root, [last.file])
    file.patch(state.build, state.root / last.file, slices)
    return last.patches + 1


def _moved(gold: GoldWriter, slug: str, last: Publication) -> dict[str, Slices] | None:
    """Mart → slices in which the tenant's last file differs from what is to be published; None: write it anew."""
    if last.file is None or last.contracts != contracts_hash() or last.patches >= MOST_PATCHES:
        return None
    moved: dict[str, Slices] = {}
    for name, mart in gold_models.marts().items():
        if mart.is_view or name == "trust":
            continue
        moved[name] = gold.slices(mart, {slug})
        if mart.spec.slice_column is not None and moved[name].get(slug, frozenset()) is None:
            return None
    return moved


def _days(state: ShardState, slug: str) -> tuple[date | None, date | None, date | None]:
    """First and last day of a tenant's data, and the last day of its revenue, in the build database."""
    first = "select first_event_date from intermediate.int_tenants where tenant_id = ?"
    first_day = (state.build.execute(first, [slug]).fetchone() or (None,))[0]
    through = "select data_through, revenue_through from marts.trust where tenant_id = ?"
    data_through, revenue_through = state.build.execute(through, [slug]).fetchone() or (None, None)
    return first_day, data_through, revenue_through


def _red(state: ShardState, slug: str, verdict: Verdict) -> Publication | None:
    """The publication that holds a tenant: its last figures, and why they are old. None where it says so already."""
    last = state.published.get(slug)
    before = last or Publication(shard=state.shard)
    since = since_of(last, state.now)
    judged = before.judged
    if verdict.conclusive:
        judged = max(state.runs.get(slug, 0), judged)
    held = replace(
        before,
        judged=judged,
        is_held=True,
        held_reason=sentence(str(verdict.reason), since.date(), before.data_through),
        held_since=since,
        checks_failed=len(verdict.failures),
        failed_checks=failed_checks(verdict),
        checks=checks_hash(),
        contracts=contracts_hash(),
    )
    if held == last:
        return None
    held = replace(held, published_at=state.now)
    if before.file is None or all(getattr(held, name) == getattr(before, name) for name in _SHOWN):
        return held
    return _copied(state, slug, before.file, held)


def _copied(state: ShardState, slug: str, file: str, held: Publication) -> Publication:
    """The next version of a held publication: a copy of its last `file` that says what `held` says."""
    version = held.version + 1
    name = f"{slug}/{version}.duckdb"
    trust = {"published_version": version, "checks_failed": held.checks_failed, "is_held": True}
    replica.fetch(state.root, [file])
    _file(state, name, held.pins, {**trust, "held_reason": held.held_reason}).copy(state.root / file)
    return replace(held, version=version, file=name)


def _file(state: ShardState, name: str, pins: Pins, trust: Mapping[str, Any]) -> TenantFile:
    return TenantFile(state.root / name, name.partition("/")[0], trust, state.lake, pins)
