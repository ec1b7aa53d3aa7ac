"""The steps of the main job that faults are injected into: one entry of `stages()` each. Another step is another entry.

A stage starts from a kept state and acts; rivals act at the same time. `finish` is the next run after it: everything of
the scenario from landing to publication, whatever is there already. All of this runs in forked children.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

from connectors.landing import file_landing
from connectors.landing import land as landing
from orchestration import maintenance
from orchestration.audit.verdict import Failure, Verdict
from orchestration.gold.build import run_gold
from orchestration.publish import retention
from orchestration.publish.publish import publish
from tests.faults.forked_dbt import ForkedDbt
from tests.faults.world import HELD, SHARD, TENANTS, Delivery, World
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake.lake import Lake
from warehouse_models.specs import all_specs

Act = Callable[[World], Any]
# Scenario → the batch it lands. `first`: the first run ever; `more`: one more delivery on top of it.
SCENARIOS = {"more": "second", "first": "first"}


@dataclass(frozen=True)
class Stage:
    """One step under test.

    `start`: the kept state it starts from. `again`: what the next run does up to this step, with or without the
    rival's file. `layers`: prefixes of the tables that it writes. `rivals`: kind of fault → what another process does
    meanwhile; `news`: the kinds of them that land another file. `locks`: it holds a lock that rivals wait for.
    """

    name: str
    scenario: str
    start: str
    act: Act
    again: Callable[[World, bool], Any]
    layers: tuple[str, ...]
    rivals: Mapping[str, Act] = field(default_factory=dict)
    news: frozenset[str] = frozenset()
    locks: bool = False


def stages() -> dict[str, Stage]:
    """Every stage by name, in the order of the job."""
    every = [stage for scenario in SCENARIOS for stage in _stages(scenario, "first " if scenario == "first" else "")]
    return {stage.name: stage for stage in every}


def _stages(scenario: str, prefix: str) -> list[Stage]:
    batch = SCENARIOS[scenario]
    files, gold = partial(land, batches=[batch]), partial(build, scenario=scenario)

    def land_again(world: World, news: bool) -> None:
        land(world, [batch, "other"] if news else [batch])

    def transform_again(world: World, news: bool) -> None:
        land_again(world, news)
        transform(world)

    steps = [
        Stage(
            f"{prefix}land", scenario, f"{scenario}/0", files, land_again, ("bronze/",),
            {"rival": files, "conflict": land_other}, news=frozenset({"conflict"}),
        ),
        Stage(
            f"{prefix}transform", scenario, f"{scenario}/1", transform, transform_again, ("bronze/", "silver/"),
            {"rival": land_and_transform, "conflict": land_and_transform, "compaction": compact},
            news=frozenset({"rival", "conflict"}),
        ),
        Stage(
            f"{prefix}gold", scenario, f"{scenario}/2", gold, lambda world, news: gold(world), ("build/",),
            {"rival": gold}, locks=True,
        ),
        Stage(
            f"{prefix}publish", scenario, f"{scenario}/3", publish_built, lambda world, news: publish_built(world),
            ("gold/",), {"rival": publish_built, "compaction": compact}, locks=True,
        ),
        # After the first run ever there is nothing to merge yet.
        Stage(
            f"{prefix}maintain", scenario, f"{scenario}/4", upkeep, lambda world, news: upkeep(world),
            ("bronze/", "silver/", "gold/"), {"rival": upkeep, "compaction": compact}, locks=True,
        ),
    ]  # fmt: skip
    return [stage for stage in steps if stage.name != "first maintain"]


def prepare(world: World) -> None:
    """Tenants, and nothing landed."""
    for tenant in TENANTS:
        Catalog(Lake()).add_tenant(tenant, SHARD)


def land(world: World, batches: Iterable[str]) -> None:
    """Land the files of batches, in several commits each."""
    file_landing.CHUNK_ROWS = 16
    lake = Lake()
    deliveries: list[Delivery] = [delivery for batch in batches for delivery in world.deliveries(batch)]
    for one in deliveries:
        how: dict[str, Any] = {"as_of": one.as_of, "complete": one.complete}
        report = landing.land(lake, Catalog(lake), one.tenant, one.object, [one.path], **how)
        if not report.is_complete:
            raise RuntimeError(report.to_json())


def transform(world: World) -> None:
    """Bronze to silver."""
    run_transforms(Lake(), SHARD)


def land_other(world: World) -> None:
    """Another file of the same tenant lands."""
    land(world, ["other"])


def land_and_transform(world: World) -> None:
    """News arrives and is computed, while another process computes what it saw before."""
    land_other(world)
    transform(world)


def build(world: World, scenario: str) -> None:
    """Silver to gold; the verdicts are kept for `publish_built`. RuntimeError: dbt or an audit failed."""
    result = run_gold(Lake(), SHARD, dbt=ForkedDbt(SHARD))
    if result.error is not None:
        raise RuntimeError(result.error)
    verdicts = result.verdicts
    if scenario == "more" and HELD in verdicts:
        verdicts = verdicts | {HELD: Verdict(HELD, (Failure("harness", "The harness says so", 1),))}
    (world.home / "verdicts.pickle").write_bytes(pickle.dumps(verdicts))


def publish_built(world: World) -> None:
    """Publish what the last build judged."""
    publish(Lake(), SHARD, pickle.loads((world.home / "verdicts.pickle").read_bytes()))


def upkeep(world: World) -> None:
    """Merge small files, delete what nobody needs: as if a table of two files were due, and grown old already."""
    policy = {**retention.policy(), "compact_from_files": 2, "vacuum_after_hours": 0}
    with patch.object(maintenance, "policy", lambda: policy):
        maintenance.maintain(Lake(), SHARD)


def finish(world: World, scenario: str, news: bool) -> None:
    """The next run: land, compute, build and publish everything of the scenario; `news`: the rival's file too."""
    land(world, [SCENARIOS[scenario], *(["other"] if news else [])])
    transform(world)
    build(world, scenario)
    publish_built(world)


def compact(world: World) -> None:
    """Compact every table there is, as maintenance does, without asking anybody."""
    lake = Lake()
    addresses = [*all_specs(), *(mart.spec.address for mart in gold_models.marts().values() if not mart.is_view)]
    for address in addresses:
        table = lake.shard(SHARD).table(address)
        if table is not None:
            table.optimize.compact()
