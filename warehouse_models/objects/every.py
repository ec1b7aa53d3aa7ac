"""Every canonical object, found by reading the modules of this folder: no list to edit by hand."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from warehouse_models.objects.declaration import CanonicalObject

# Help and documentation name these domains in this order, any other one behind them.
_ORDER = ("product", "crm", "billing")


@cache
def all_objects() -> dict[str, CanonicalObject]:
    """Name → object, events first."""
    package = importlib.import_module("warehouse_models.objects")
    modules = [info.name for info in pkgutil.iter_modules(package.__path__)]
    objects: dict[str, CanonicalObject] = {}
    for name in sorted(modules, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)):
        module = importlib.import_module(f"warehouse_models.objects.{name}")
        objects |= {value.name: value for value in vars(module).values() if isinstance(value, CanonicalObject)}
    return objects


def in_words() -> str:
    """Their names as a sentence has them: `events, accounts, … or exchange_rates`."""
    *names, last = all_objects()
    return f"{', '.join(names)} or {last}"


def record_objects() -> dict[str, CanonicalObject]:
    """Those whose rows are versions of records: all but events."""
    return {name: declared for name, declared in all_objects().items() if declared.is_record}
