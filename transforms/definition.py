"""What a transform is: a SELECT in Spark SQL, and in its header what it reads and how it is written.

    /*
    inputs:
      silver/product/activity: {days: [-2, 1]}    # rows of day S follow from the days S-2 to S+1 of this table
      silver/product/claims: {days: all, touches: query}  # read whole; what a change reaches: <table>.touched.sql
      bronze/product/events: {rows: new}    # rows landed since the last run (a full refresh reads all)
    write: upsert                                 # default: slices
    materialize: [edges]                          # CTEs worth computing once; the others are inlined
    */

A text sees an input under the view name of its spec (`silver_product_activity`), and, where it asks, `<view>__all` (not
restricted to slices), `<view>__before` (the version consumed last), `<own view>__self` (its own table before this run),
in an upsert `<own view>__met` (its own table on the days on which it has a key that landed), and the policy relations
of `policies.policy.settings_tables`. It knows nothing of increments: the runner restricts what it sees and
keeps of its rows those of the touched slices.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import yaml

from warehouse_models.policies.policy import FACTS, RELATIONS
from warehouse_models.spec import TableSpec
from warehouse_models.specs import all_specs

FOLDER = Path(__file__).parent
_HEADER = re.compile(r"\A\s*/\*(.*?)\*/(.*)\Z", re.DOTALL)


@dataclass(frozen=True)
class Input:
    """How one input is read: `days` (first, last) around an output day, or None for everything of the tenant."""

    address: str
    days: tuple[int, int] | None = None
    new_rows: bool = False
    touches_by_query: bool = False


@dataclass(frozen=True)
class Transform:
    """One silver table: its spec, its text, its inputs; `upsert` replaces by key, else by slice."""

    spec: TableSpec
    sql: str
    inputs: Mapping[str, Input]
    upsert: bool = False
    touched_sql: str | None = None
    materialize: tuple[str, ...] = field(default=())

    @property
    def address(self) -> str:
        """Address of the table it writes."""
        return self.spec.address

    @property
    def relations(self) -> tuple[str, ...]:
        """Policy relations that a text names."""
        return tuple(name for name in RELATIONS if self.sees(name))

    @property
    def policies(self) -> tuple[str, ...]:
        """Policy values that its rows follow from: a tenant is computed anew where one of these changed for it."""
        return tuple(name for name in FACTS if self.sees(name))

    @property
    def definition(self) -> str:
        """Hash of everything that decides its rows but data and policies: texts, what they read, columns."""
        columns = "\n".join(f"{c.name} {c.type}" for c in self.spec.columns)
        reads = repr([self.inputs[address] for address in sorted(self.inputs)])
        stored = repr((self.spec.partition_by, self.spec.slice_column, self.upsert))
        parts = (self.sql, self.touched_sql or "", columns, reads, stored)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def sees(self, name: str) -> bool:
        """Whether one of the texts names the relation `name`."""
        return re.search(rf"\b{name}\b", self.sql + (self.touched_sql or "")) is not None


@cache
def transforms() -> dict[str, Transform]:
    """Every transform by address, inputs before what reads them.

    Raises ValueError where a silver spec has no text, a text has no spec, or a header names an unknown table.
    """
    specs = {address: spec for address, spec in all_specs().items() if spec.layer == "silver"}
    texts = {f"silver/{p.parent.name}/{p.stem}": p for p in FOLDER.glob("*/*.sql") if "." not in p.stem}
    if set(specs) != set(texts):
        raise ValueError(f"specs and texts differ: {sorted(set(specs) ^ set(texts))}")
    unordered = {address: _read(specs[address], texts[address]) for address in specs}
    graph = {address: [i for i in transform.inputs if i in unordered] for address, transform in unordered.items()}
    return {address: unordered[address] for address in TopologicalSorter(graph).static_order()}


def order() -> list[str]:
    """Addresses of all silver tables, inputs first."""
    return list(transforms())


def _read(spec: TableSpec, path: Path) -> Transform:
    match = _HEADER.match(path.read_text(encoding="utf-8"))
    if not match:
        raise ValueError(f"{path.name}: the header comment is missing")
    header = yaml.safe_load(match[1])
    unknown = set(header["inputs"]) - set(all_specs())
    if unknown:
        raise ValueError(f"{path.name}: no such table: {sorted(unknown)}")
    touched = path.with_suffix(".touched.sql")
    return Transform(
        spec=spec,
        sql=match[2].strip(),
        inputs={address: _input(address, entry) for address, entry in header["inputs"].items()},
        upsert=header.get("write", "slices") == "upsert",
        touched_sql=touched.read_text(encoding="utf-8") if touched.exists() else None,
        materialize=tuple(header.get("materialize", ())),
    )


def _input(address: str, entry: Mapping[str, object]) -> Input:
    days = entry.get("days", "all")
    return Input(
        address,
        days=None if days == "all" else (int(days[0]), int(days[1])),  # type: ignore[index]
        new_rows=entry.get("rows") == "new",
        touches_by_query=entry.get("touches") == "query",
    )
