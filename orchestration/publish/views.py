"""The views of published files: SELECTs over silver and gold Delta at pinned versions.

mart's SQL, {{ source(…) }} ─▶ delta_scan(…, version := N) cut to some tenants, in the columns of today's spec
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from orchestration.publish.sql import columns_of, literal
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake.lake import Lake
from warehouse_models.published.publication import Pins
from warehouse_models.spec import Column
from warehouse_models.specs import spec

_SOURCE = re.compile(r"\{\{\s*source\('silver_(\w+)',\s*'(\w+)'\)\s*\}\}")


@dataclass(frozen=True)
class Scope:
    """What a view reads of silver: pinned versions, and a condition on `tenant_id`."""

    pins: Pins
    condition: str

    @classmethod
    def of_tenant(cls, pins: Pins, tenant: str) -> Scope:
        """One tenant's rows."""
        return cls(pins, f"tenant_id = {literal(tenant)}")

    @classmethod
    def without(cls, pins: Pins, tenants: Iterable[str]) -> Scope:
        """Everybody's rows but those of `tenants`."""
        listed = ", ".join(literal(tenant) for tenant in sorted(tenants))
        return cls(pins, f"tenant_id not in ({listed})" if listed else "true")


def silver_view(mart: str, lake: Lake, scopes: Iterable[Scope]) -> str:
    """The SELECT of a mart over silver, each source replaced by pinned scans of the `scopes`.

    The condition stands inside each scan, so that Delta skips the other tenants' files.
    """
    scopes = list(scopes)

    def source(match: re.Match[str]) -> str:
        address = f"silver/{match[1]}/{match[2]}"
        columns = spec(address).columns
        scans = [
            f"{_scan(lake, scope.pins, address, columns)} where {scope.condition}"
            for scope in scopes
            if address in scope.pins.versions
        ]
        return "(" + (" union all ".join(scans) or _nothing(columns)) + ")"

    return f"select {columns_of(mart)} from ({_SOURCE.sub(source, gold_models.mart_sql(mart))})"


def gold_view(mart: str, lake: Lake, shards: Iterable[Pins]) -> str:
    """The SELECT of a mart over gold Delta of all `shards`."""
    table = gold_models.marts()[mart].spec
    scans = [_scan(lake, pins, table.address, table.columns) for pins in shards if table.address in pins.versions]
    # A shard that has not run since a column changed its type still has the old one.
    return f"select {columns_of(mart)} from ({' union all '.join(scans) or _nothing(table.columns)})"


def _scan(lake: Lake, pins: Pins, address: str, columns: Iterable[Column]) -> str:
    """A pinned scan in the columns of today's spec; one that the version does not have yet is null.

    A held tenant and a shard that has not run since an upgrade are served at versions older than the spec.
    """
    version = pins.versions[address]
    there = _columns_at(lake, pins.shard, address, version)
    names = ", ".join(f'"{c.name}"' if c.name in there else f'null::{c.duckdb_type} as "{c.name}"' for c in columns)
    return f"select {names} from {lake.shard(pins.shard).scan(address, version)}"


@cache
def _columns_at(lake: Lake, shard: str, address: str, version: int) -> frozenset[str]:
    # Opening a Delta table takes 10 ms, and each tenant's file scans the same few.
    table = lake.shard(shard).table(address, version)
    return frozenset(field.name for field in table.schema().fields) if table else frozenset()


def _nothing(columns: Iterable[Column]) -> str:
    return "select " + ", ".join(f'null::{c.duckdb_type} as "{c.name}"' for c in columns) + " where false"
