"""Gold to published, tenant by tenant: green ones move, red ones keep what they have.

    build db ─▶ gold Delta (touched slices of green tenants) ─▶ published/<tenant>/<version>.duckdb ─▶ manifest swap

Nothing before the swap is named by anything, so a kill leaves the old state; what it wrote is written again. A red
tenant that was published before gets a copy of its last file in which only `trust` differs: the old figures, and why
they are old. Where the marts' contracts moved on meanwhile, the copy has today's columns, empty where the old figures
lack them. A tenant that was never green has no file; the manifest lists it as held.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from orchestration.audit.verdict import Verdict
from orchestration.locks import manifest_lock, shard_lock
from orchestration.publish.files import write_all_file
from orchestration.publish.gold import GoldWriter
from orchestration.publish.publications import new_publications
from orchestration.publish.retention import prune
from orchestration.publish.state import ShardState
from orchestration.publish.views import Scope
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import ATTEMPTS
from warehouse_models.published import replica
from warehouse_models.published.manifest import AllFile, Manifest
from warehouse_models.published.publication import Pins, Publication


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


@dataclass(frozen=True)
class Change:
    """What one publication changes in the manifest, of one shard.

    `publications`: the new ones, by tenant. `gone`: who is no tenant of the shard any more. `pins`: versions of the
    gold tables, and of silver where somebody moved.
    """

    publications: Mapping[str, Publication]
    gone: frozenset[str]
    pins: Pins

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not self.publications and not self.gone


def publish(lake: Lake, shard: str, verdicts: Mapping[str, Verdict]) -> PublishResult:
    """Publish the shard's green tenants that have something new, hold the red ones, and swap the manifest.

    `verdicts` are those of the run_gold before it. TenureError: another process holds the shard or the manifest.
    """
    with shard_lock(shard, "a publication"):
        before, _ = replica.present(home.published_root())
        result = PublishResult(shard, before.number)
        with closing(duck.connect(home.build_path(shard))) as build:
            state = ShardState.read(build, lake, shard, before)
            change = _change(state, verdicts, result)
        if change.is_empty:
            return result
        with _timed(result, "manifest"):
            result.manifest = swap(state, change)
        for slug, publication in change.publications.items():
            if publication.is_held:
                result.held[slug] = str(publication.held_reason)
            else:
                result.published[slug] = publication.version
        result.pruned = prune(state.root)
        return result


def _change(state: ShardState, verdicts: Mapping[str, Verdict], result: PublishResult) -> Change:
    """What there is to publish: the tenants' files and gold Delta are written, and nothing names them yet."""
    gold = GoldWriter(state)
    with _timed(result, "files"):
        tenants = {tenant.tenant_id for tenant in Catalog(state.lake).tenants(state.shard)}
        judged = {slug: verdict for slug, verdict in verdicts.items() if slug in tenants}
        publications = new_publications(state, gold, judged)
    change = Change(publications, frozenset(state.published) - tenants, Pins(state.shard))
    if change.is_empty:
        return change
    with _timed(result, "gold_delta"):
        result.tables = gold.write(publications, set(change.gone))
    versions = {f"gold/{mart}": version for mart, version in result.tables.items()}
    if any(not publication.is_held for publication in publications.values()):
        versions |= state.silver.versions
    return replace(change, pins=Pins(state.shard, versions))


def swap(state: ShardState, change: Change) -> int:
    """Write the file over all tenants and make the new manifest the present one; its number.

    Several shards publish at once: whoever comes later takes the others' latest state along. TenureError where another
    host published this shard since `state` was read: its figures may be newer than ours.
    """
    root, shard = state.root, state.shard
    uploaded = {
        slug: replace(publication, file=publication.file and replica.upload(root, publication.file))
        for slug, publication in change.publications.items()
    }
    change = replace(change, publications=uploaded)
    with manifest_lock(root, f"the publication of shard {shard}"):
        for _ in range(ATTEMPTS):
            before, token = replica.present(root)
            if before.of_shard(shard) != state.published:
                why = "another host published it while this run worked on it"
                raise TenureError(
                    f"the publication of shard {shard}", why, "run again; one host a shard saves the work"
                )
            manifest = next_manifest(state, change, before)
            if replica.swap(root, manifest, token):
                return manifest.number
        raise TenureError("the published manifest", "other hosts keep changing it", "run again")


def next_manifest(state: ShardState, change: Change, before: Manifest) -> Manifest:
    """The manifest after `before`, its file over all tenants written."""
    tenants = {slug: last for slug, last in before.tenants.items() if slug not in change.gone}
    versions = {**before.tables.get(state.shard, {}), **change.pins.versions}
    after = Manifest(
        before.number + 1,
        datetime.now(UTC),
        {**tenants, **change.publications},
        tables={**before.tables, state.shard: versions},
    )
    file = f"_all/{after.number}.duckdb"
    shards = [Pins(shard, after.tables[shard]) for shard in sorted(after.tables)]
    scopes = [scope for pins in shards for scope in _scopes(pins, after.of_shard(pins.shard))]
    write_all_file(state.root / file, state.lake, shards, scopes)
    return replace(after, all=AllFile(replica.upload(state.root, file), after.number))


def _scopes(pins: Pins, publications: Mapping[str, Publication]) -> list[Scope]:
    """What views over all tenants read of one shard's silver: everybody's newest, and of held tenants what they had."""
    held = {slug: publication for slug, publication in sorted(publications.items()) if publication.is_held}
    own = [Scope.of_tenant(publication.pins, slug) for slug, publication in held.items() if publication.silver]
    return [Scope.without(pins, held), *own]


@contextmanager
def _timed(result: PublishResult, step: str) -> Iterator[None]:
    """Note the seconds that a step of the publication takes."""
    clock = time.monotonic()
    yield
    result.seconds[step] = time.monotonic() - clock
