"""Every spec, found by reading the modules of `bronze/` and `silver/`: no list to edit by hand.

A module has its specs as constants, or makes those of the canonical objects in `tables()`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from warehouse_models.spec import TableSpec


@cache
def all_specs() -> dict[str, TableSpec]:
    """Address → spec, in the order bronze, silver and then by module and definition."""
    specs: dict[str, TableSpec] = {}
    for layer in ("bronze", "silver"):
        package = importlib.import_module(f"warehouse_models.{layer}")
        for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
            module = importlib.import_module(f"warehouse_models.{layer}.{module_info.name}")
            made = module.tables() if hasattr(module, "tables") else []
            for value in [*vars(module).values(), *made]:
                if isinstance(value, TableSpec) and value.layer == layer:
                    specs[value.address] = value
    return specs


def spec(address: str) -> TableSpec:
    """The spec at `address`; KeyError lists the known addresses."""
    try:
        return all_specs()[address]
    except KeyError:
        raise KeyError(f"no table {address!r}; known: {', '.join(all_specs())}") from None
