"""Gold as specs: every mart's contract, read from dbt's own YAML. There is no second list of marts.

dbt_project/models/marts/<mart>.yml ─▶ marts()["<mart>"] ─▶ Mart(spec=TableSpec(layer="gold"), how it is replaced)
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from warehouse_models.spec import Column, Pii, TableSpec
from warehouse_models.types import BY_DUCKDB

PROJECT = Path(os.environ.get("TENURE_DBT_PROJECT") or Path(__file__).resolve().parents[2] / "dbt_project")
# In C where libyaml is: every command and every build read the whole project, which took PyYAML's own parser 0.7 s.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Mart:
    """One mart: its contract as a spec, what executives call it, and how a part of it is replaced.

    `slices` names the dbt model that lists the replaced slices; without `spec.slice_column` a slice is a tenant.
    `slice_unit`: the column holds the first day of a day, week or month. `reads`: silver addresses that the mart is a
    view over; such a mart has no Delta table of its own. `monthly_files`: its Delta table is cut by month too.
    """

    spec: TableSpec
    subject: str
    slices: str | None
    slice_unit: str
    reads: tuple[str, ...]
    monthly_files: bool = False

    @property
    def name(self) -> str:
        """The mart's name, e.g. `dim_accounts`."""
        return self.spec.name

    @property
    def is_view(self) -> bool:
        """Whether it is a view over silver."""
        return bool(self.reads)

    @cached_property
    def table(self) -> TableSpec:
        """Its gold Delta table: the contract's columns and, with `monthly_files`, a partition column by month.

        One file a tenant was rewritten for each new day: six million rows of 20 tenants, 300 days and 1,000 accounts.
        """
        day = self.spec.slice_column
        if not self.monthly_files or day is None:
            return self.spec
        month = Column(f"{day}_month", "date", f"First day of {day}'s month: partition.")
        partition_by = (*self.spec.partition_by, month.name)
        return replace(self.spec, columns=(*self.spec.columns, month), partition_by=partition_by)


def declared(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The models that dbt's YAML below a folder declares, each with its file."""
    for path in sorted(folder.rglob("*.yml")):
        for model in yaml.load(path.read_text(encoding="utf-8"), _Loader).get("models", []):
            yield path, model


@cache
def marts() -> dict[str, Mart]:
    """Every mart by name, in alphabetical order; ValueError names a contract that lacks something."""
    marts_by_name = {model["name"]: _mart(model, path) for path, model in declared(PROJECT / "models" / "marts")}
    return dict(sorted(marts_by_name.items()))


@cache
def intermediate_contracts() -> dict[str, list[tuple[str, str]]]:
    """Intermediate models that have a contract → (name, DuckDB type) of their columns, in its order."""
    return {
        model["name"]: [(column["name"], column["data_type"]) for column in model["columns"]]
        for _, model in declared(PROJECT / "models" / "intermediate")
        if model.get("config", {}).get("contract", {}).get("enforced")
    }


def mart_sql(name: str) -> str:
    """The mart's SQL as written, with dbt's Jinja in it."""
    (path,) = (PROJECT / "models" / "marts").rglob(f"{name}.sql")
    return path.read_text(encoding="utf-8")


@cache
def silver_inputs() -> tuple[str, ...]:
    """Addresses of the silver tables that any model reads, found in the models' own text."""
    addresses = set()
    for path in (PROJECT / "models").rglob("*.sql"):
        for domain, table in re.findall(r"source\('silver_(\w+)',\s*'(\w+)'\)", path.read_text(encoding="utf-8")):
            addresses.add(f"silver/{domain}/{table}")
    return tuple(sorted(addresses))


def _mart(model: dict[str, Any], path: Path) -> Mart:
    meta = model.get("config", {}).get("meta", {})
    description = " ".join(model.get("description", "").split())
    grain = description.split(".")[0] + "."
    if not grain.startswith("One row per "):
        raise ValueError(f"{path.name}: the description of {model['name']} must start with its grain: One row per …")
    columns = []
    for column in model.get("columns", []):
        if column.get("data_type") not in BY_DUCKDB or not column.get("description"):
            why = f"needs a description and a type of {list(BY_DUCKDB)}"
            raise ValueError(f"{path.name}: column {column.get('name')} {why}")
        pii = Pii(column.get("config", {}).get("meta", {}).get("pii", "none"))
        columns.append(Column(column["name"], BY_DUCKDB[column["data_type"]], column["description"], pii))
    for wanted in ("key", "owner", "subject"):
        if not meta.get(wanted):
            raise ValueError(f"{path.name}: {model['name']} needs config.meta.{wanted}")
    if not meta.get("slices") and not meta.get("reads"):
        raise ValueError(f"{path.name}: {model['name']} needs config.meta.slices (or reads, if it is a view)")
    spec = TableSpec(
        layer="gold",
        domain=None,
        name=model["name"],
        grain=grain,
        key=tuple(meta["key"]),
        columns=tuple(columns),
        owner=meta["owner"],
        description=description,
        slice_column=meta.get("slice_column"),
    )
    return Mart(
        spec,
        meta["subject"],
        meta.get("slices"),
        meta.get("slice_unit", "day"),
        tuple(meta.get("reads", ())),
        bool(meta.get("monthly_files", False)),
    )
