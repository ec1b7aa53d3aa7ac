"""The plan of a seed: which kind of fault, in which surroundings. The mix is the same for each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from tests.faults.injector import Point
from tests.faults.syscalls import WRITES

_SYNCS = ("fsync", "fdatasync")
_NAMES = ("link", "rename", "unlink")


@dataclass(frozen=True)
class Kind:
    """What a fault strikes (`collector`, `lander` or `network`), how, where it can happen, how often of a hundred.

    `how`: what the watch does at the point (`watch.py`), or what a client does (`client.py`). `reach`: at how many of
    its points it may happen, from the first on; the plan draws one of them.
    """

    strikes: str
    how: str
    weight: int
    where: Callable[[Point], bool] = lambda point: True
    reach: int = 12


def _is_segment(point: Point) -> bool:
    return point.path.startswith("journal/") and point.path.endswith((".open", ".log"))


def _is_named(point: Point) -> bool:
    return point.call in (*_NAMES, *_SYNCS, "open", "ftruncate")


def _is_synced(point: Point) -> bool:
    return point.call in _SYNCS and point.path.startswith("journal/")


def _is_write_of_segment(point: Point) -> bool:
    return point.is_cuttable and _is_segment(point)


def _is_landing(point: Point) -> bool:
    return point.is_commit and "/bronze/product/events/" in point.path


def _is_drop(point: Point) -> bool:
    return point.call == "unlink" and point.path.startswith("journal/") and point.path.endswith(".log")


KINDS: Mapping[str, Kind] = {
    "collector killed at a named point": Kind("collector", "kill", 5, _is_named, 30),
    "collector killed at random": Kind("collector", "kill", 6, reach=40),
    "collector killed after a time": Kind("collector", "after", 4),
    "collector killed twice": Kind("collector", "kill", 4, reach=20),
    "power cut": Kind("collector", "power", 6, lambda point: point.path.startswith("journal/"), 40),
    "torn write": Kind("collector", "torn", 6, _is_write_of_segment),
    "short write": Kind("collector", "short", 5, _is_write_of_segment),
    "full disk": Kind("collector", "full", 5, lambda point: point.call in WRITES),
    "failed sync": Kind("collector", "failed", 5, _is_synced, 20),
    "failed name": Kind("collector", "failed", 4, lambda point: point.call in (*_NAMES, "open"), 10),
    "failed write, then a failed cut": Kind("collector", "cut", 3, _is_write_of_segment),
    "lander killed at a named point": Kind("lander", "kill", 5, _is_named, 25),
    "lander killed at random": Kind("lander", "kill", 4, reach=30),
    "lander killed after a time": Kind("lander", "after", 2),
    "lander killed twice": Kind("lander", "kill", 3, reach=20),
    "lander's torn write": Kind("lander", "torn", 2, lambda point: point.is_cuttable, 8),
    "lander's short write": Kind("lander", "short", 2, lambda point: point.is_cuttable, 8),
    "lander's full disk": Kind("lander", "full", 2, lambda point: point.call in WRITES, 8),
    "lander's failed name": Kind("lander", "failed", 2, lambda point: point.call in _NAMES, 8),
    "power cut at a landing": Kind("lander", "power", 4, reach=30),
    "a dropped segment comes back": Kind("lander", "back", 2, _is_drop, 3),
    "rival lander": Kind("lander", "rival", 2, reach=25),
    "lost commit": Kind("lander", "conflict", 3, _is_landing, 3),
    "lost reply": Kind("network", "lost", 4),
    "cut request": Kind("network", "half", 3),
    "duplicate delivery": Kind("network", "twice", 3),
    "reordered delivery": Kind("network", "reordered", 2),
    "clock skew": Kind("network", "skewed", 2),
}
# alone: landed when the collector has stopped; traffic: while it takes events; two: as that, with two collectors.
SHAPES = ("alone", "traffic", "two")
ENDS = ("running", "stopped", "killed")


@dataclass(frozen=True)
class Planned:
    """The `number`-th fault of a seed's plan.

    `shape`: who is at work; `end`: what becomes of the collectors before the last landing; `is_first`: nothing was
    ever landed before; `to_silver`: the transforms run behind it, and silver is compared.
    """

    number: int
    kind: str
    shape: str
    end: str
    is_first: bool
    to_silver: bool


def plan(seed: int, count: int, every: int) -> Iterator[Planned]:
    """The first `count` faults of a seed. Each `every`-th goes on to silver."""
    for number in range(count):
        if number % 100 == 0:
            order = [name for name, kind in KINDS.items() for _ in range(kind.weight)]
            Random(f"{seed}/{number}").shuffle(order)
        random = Random(f"{seed}/{number}/around")
        shape, end = random.choice(SHAPES), random.choice(ENDS)
        yield Planned(number, order[number % 100], shape, end, random.random() < 0.3, number % every == every - 1)


def slice_of(seed: int, every: int) -> list[Planned]:
    """A short plan: each kind of fault once, the surroundings in turn, so that each of them is met thrice."""
    random = Random(f"{seed}/slice")
    kinds, around = list(KINDS), [(shape, end) for shape in SHAPES for end in ENDS]
    random.shuffle(kinds)
    random.shuffle(around)
    return [
        Planned(number, kind, *around[number % len(around)], random.random() < 0.3, number % every == every - 1)
        for number, kind in enumerate(kinds)
    ]
