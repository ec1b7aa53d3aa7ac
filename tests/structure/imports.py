"""Who imports whom, as import-linter's graph (grimp) has it. Imports within functions and for types alone count too."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import grimp

_ROOT = Path(__file__).resolve().parents[2]


def against_layers() -> list[str]:
    """Pairs of packages that import against the layers of pyproject.toml, with one import of each."""
    layers = [_layer(text) for contract in _contracts() if contract["type"] == "layers" for text in contract["layers"]]
    broken = _graph().find_illegal_dependencies_for_layers(layers=layers)
    return sorted(
        f"{pair.importer} → {pair.imported} ({min(' → '.join(route.middle) or 'directly' for route in pair.routes)})"
        for pair in broken
    )


def climbing() -> list[str]:
    """Imports that climb: the fewest whose absence would give the modules and sub-folders of each folder one order.

    A folder's modules and sub-folders are its rooms; a room imports another one if any module in it does. Where two
    rooms import each other, directly or around a corner, one of the two ways climbs.
    """
    graph = _graph()
    return sorted(
        f"{importer} → {imported}"
        for folder in _folders()
        for importer, imported in graph.nominate_cycle_breakers(folder)
    )


def circles_of_modules() -> list[str]:
    """Sets of modules that import each other, each set once."""
    graph = _graph()
    around = {name: graph.find_upstream_modules(name) & graph.find_downstream_modules(name) for name in graph.modules}
    return sorted({" ⇄ ".join(sorted({name, *others})) for name, others in around.items() if others})


def circles_of_folders() -> list[str]:
    """Folders whose modules and sub-folders import each other in a circle."""
    return [folder for folder in _folders() if _graph().nominate_cycle_breakers(folder)]


def _folders() -> list[str]:
    return sorted(name for name in _graph().modules if _graph().find_children(name))


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(*_settings()["root_packages"], cache_dir=None)


def _contracts() -> list[dict[str, Any]]:
    contracts: list[dict[str, Any]] = _settings()["contracts"]
    return contracts


@cache
def _settings() -> dict[str, Any]:
    settings: dict[str, Any] = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return settings


def _layer(text: str) -> grimp.Layer:
    return grimp.Layer(*(name.strip() for name in text.split("|")), independent=True)
