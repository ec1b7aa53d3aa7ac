"""The measures of how the house is built, each with the limit that a test holds it to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.structure import imports
from tests.structure.files import PRODUCT, TESTS, Files, Size

ROOT = Path(__file__).resolve().parents[2]
_SHOWN = 5
# Words that say that something happened to a value, and not what the value is.
_NO_NAMES = frozenset({"told", "found", "known"})


@dataclass(frozen=True)
class Measure:
    """A count, the limit that a test asserts, the goal where that is lower, and the places that are beyond the goal."""

    name: str
    count: int
    limit: int
    goal: int
    places: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        return self.count <= self.limit


def measures(files: Files) -> list[Measure]:
    return [
        _most("modules of a folder", files.folders(), 12, goal=12),
        _all("imports against the layers", imports.against_layers(), 0),
        _all("imports that climb within a package", imports.climbing(), 0),
        _all("circles of modules", imports.circles_of_modules(), 0),
        _all("folders with a circle of rooms", imports.circles_of_folders(), 0),
        _most("lines of a module of the product", files.modules(PRODUCT), 250),
        _most("lines of a module of the tests", files.modules(TESTS), 400),
        _most("lines of a function", files.functions(), 58),
        _over(6, "functions with more than 6 parameters", files.parameters(), 7, goal=0),
        _most("lines of a SQL text", files.models(), 124, goal=120),
        _all("calls of write_deltalake", files.calls("write_deltalake", PRODUCT), 1),
        _all("calls of write_deltalake by tests", files.calls("write_deltalake", TESTS), 3),
        _all("texts of a delta_scan", files.literals("delta_scan(", PRODUCT), 1),
        _all("texts of a delta_scan in tests", files.literals("delta_scan(", TESTS), 8),
        _all("variables named told, found, known", files.bound(_NO_NAMES, PRODUCT), 0),
        _all("the same in tests", files.bound(_NO_NAMES, TESTS), 0),
        _all("private names that tests reach for", files.private_names(), 0),
    ]


def table(measured: Iterable[Measure], shown: int = _SHOWN) -> str:
    """The measures as text: count, limit, goal, and `shown` of the places that are beyond the goal."""
    lines = [f"{'count':>6} {'limit':>6} {'goal':>6}"]
    for measure in measured:
        lines.append(f"{measure.count:6} {measure.limit:6} {measure.goal:6}  {measure.name}")
        if measure.count > measure.goal:
            lines += [f"{'':22}{place}" for place in measure.places[:shown]]
            lines += [f"{'':22}… {len(measure.places) - shown} more"] * (len(measure.places) > shown)
    return "\n".join(lines)


def _all(name: str, places: list[str], limit: int, goal: int | None = None) -> Measure:
    return Measure(name, len(places), limit, limit if goal is None else goal, tuple(places))


def _most(name: str, sizes: list[Size], limit: int, goal: int | None = None) -> Measure:
    goal = limit if goal is None else goal
    return Measure(name, sizes[0][0], limit, goal, _beyond(goal, sizes))


def _over(size: int, name: str, sizes: list[Size], limit: int, goal: int) -> Measure:
    beyond = _beyond(size, sizes)
    return Measure(name, len(beyond), limit, goal, beyond)


def _beyond(size: int, sizes: list[Size]) -> tuple[str, ...]:
    return tuple(f"{count:4} {place}" for count, place in sizes if count > size)
