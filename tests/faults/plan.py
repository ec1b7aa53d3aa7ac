"""The plan of a seed: which stage, which kind of fault, at which point. The mix is the same for each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.faults.injector import Fault, Point
from tests.faults.stages import Act, Stage, stages
from tests.faults.syscalls import WRITES

# Kind → the points at which it can happen.
KINDS: dict[str, Callable[[Point], bool]] = {
    "kill at a named point": lambda point: point.call in ("link", "rename", "unlink", "fsync", "fdatasync"),
    "kill at random": lambda point: True,
    "kill after a time": lambda point: True,
    "killed twice": lambda point: True,
    "torn write": lambda point: point.is_cuttable,
    "short write": lambda point: point.is_cuttable,
    "full disk": lambda point: point.call in WRITES,
    "failed rename": lambda point: point.call in ("link", "rename"),
    "failed sync": lambda point: point.call in ("fsync", "fdatasync"),
    "rival": lambda point: True,
    "conflict": lambda point: point.is_commit,
    "compaction": lambda point: point.is_commit,
}
_HOW = {"torn write": "torn", "short write": "short", "full disk": "full"}
_HOW |= {"failed rename": "failed", "failed sync": "failed"}
# How many faults of a hundred a stage gets: what is cheap to try is tried more often.
WEIGHTS = {
    "land": 23, "transform": 22, "gold": 7, "publish": 18, "maintain": 11,
    "first land": 7, "first transform": 6, "first gold": 1, "first publish": 5,
}  # fmt: skip
# A rival of a step with a lock waits for it: both go on after this time. Others have the time they need.
_AT_A_LOCK, _ALONE = 0.3, 60.0


@dataclass(frozen=True)
class Planned:
    """The `number`-th fault of a seed's plan; `to_the_end`: the whole job is compared, not its step alone."""

    number: int
    stage: str
    kind: str
    to_the_end: bool


def plan(seed: int, count: int, every: int) -> Iterator[Planned]:
    """The first `count` faults of a seed. Each `every`-th of a stage goes on to the end of the job."""
    all_stages, turns = stages(), dict.fromkeys(WEIGHTS, 0)
    for number in range(count):
        if number % 100 == 0:
            order = [name for name, weight in WEIGHTS.items() for _ in range(weight)]
            Random(f"{seed}/{number}").shuffle(order)
        name = order[number % 100]
        kinds, turn = kinds_of(all_stages[name]), turns[name]
        turns[name] += 1
        yield Planned(number, name, kinds[turn % len(kinds)], turn % every == every - 1)


def slice_of(seed: int, every: int) -> list[Planned]:
    """A short plan: each kind of fault at two stages, each stage at least once, and what is cheap to try more often.

    Which kind meets which stage follows from the seed, so that the slices of many seeds make up a campaign.
    """
    all_stages, random = stages(), Random(f"{seed}/slice")
    # A rival of a publication leaves the new state for certain, most others leave the old one.
    pairs = {("publish", "rival"): None}
    for kind in KINDS:
        apt = [name for name in WEIGHTS if kind in kinds_of(all_stages[name])]
        while sum(planned == kind for _, planned in pairs) < min(2, len(apt)):
            pairs[random.choices(apt, [WEIGHTS[name] for name in apt])[0], kind] = None
    # In the order of WEIGHTS: that of a set differs from process to process, and with it the faults of one seed.
    for name in [name for name in WEIGHTS if name not in {stage for stage, _ in pairs}]:
        pairs[name, random.choice(kinds_of(all_stages[name]))] = None
    order = sorted(pairs)
    random.shuffle(order)
    return [Planned(n, name, kind, n % every == every - 1) for n, (name, kind) in enumerate(order)]


def kinds_of(stage: Stage) -> list[str]:
    """The kinds of fault that can happen to a stage."""
    absent = {"rival", "conflict", "compaction"} - set(stage.rivals)
    # delta-rs syncs nothing, and a build is one file that is never renamed.
    absent |= {"gold": {"failed rename"}, "publish": set()}.get(stage.name.split()[-1], {"failed sync"})
    return [kind for kind in KINDS if kind not in absent]


def choose(
    stage: Stage, kind: str, points: Sequence[Point], seconds: float, random: Random, bind: Callable[[Act], Act]
) -> Fault:
    """A fault of a kind at one of the `points` of a stage that takes `seconds`; `bind` makes its rival ready to run."""
    part = random.random()
    if kind == "kill after a time":
        return Fault("kill", seconds=part * seconds)
    point = random.choice([point for point in points if KINDS[kind](point)])
    if kind in stage.rivals:
        patience = _AT_A_LOCK if stage.locks and kind == "rival" else _ALONE
        return Fault("rival", point, rival=bind(stage.rivals[kind]), patience=patience)
    return Fault(_HOW.get(kind, "kill"), point, part)
