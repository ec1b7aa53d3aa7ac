"""What the two borders of the lake are held to, derived from the specs: a new table or mart is covered by being there.

A rule is a count of offending rows per tenant, so a frame of one row a tenant is all that Great Expectations
(`suites.py`) has to look at, however many rows stand behind it. No import of Great Expectations here: Dagster lists
the checks from this module alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from warehouse_models.dbt import marts as gold
from warehouse_models.dbt.marts import Mart, marts
from warehouse_models.objects.product import EVENTS
from warehouse_models.spec import TableSpec
from warehouse_models.specs import all_specs

_EVENT_TYPES = ", ".join(f"'{word}'" for word in EVENTS.field("type").kind.words)
# When a row was received or became true, in whatever table.
_TIMES = ("received_at", "updated_at", "first_received_at", "last_received_at")
_RATIO = re.compile(r"ratio 0 to 1\b")


@dataclass(frozen=True)
class Rule:
    """One expectation of one table. `offending`: an SQL aggregate that counts offending rows; it must be 0."""

    kind: str
    about: str
    name: str
    offending: str
    words: str

    @property
    def check(self) -> str:
        """Name of the check, unique over all tables."""
        return f"{self.kind}_{self.about.split('/', 1)[1].replace('/', '_')}_{self.name}"


def bronze_rules() -> list[Rule]:
    """Rules of every bronze table that a source fills."""
    return [rule for spec in _bronze_specs() for rule in _bronze(spec)]


def gold_rules() -> list[Rule]:
    """Rules of every mart that is a table."""
    return [rule for mart in marts().values() if not mart.is_view for rule in _gold(mart)]


@cache
def checks_hash() -> str:
    """Hash of every check, dbt's and ours: whoever was held by others is judged again by these."""
    digest = hashlib.sha256()
    for rule in [*bronze_rules(), *gold_rules()]:
        digest.update(f"{rule.check}\0{rule.offending}\0".encode())
    for path in sorted((gold.PROJECT / "tests").glob("*.sql")):
        digest.update(path.read_bytes())
    for _, model in gold.declared(gold.PROJECT / "models"):
        digest.update(json.dumps([model["name"], model.get("data_tests")]).encode())
    return digest.hexdigest()[:16]


def _bronze_specs() -> list[TableSpec]:
    return [spec for spec in all_specs().values() if spec.layer == "bronze" and spec.domain]


def _bronze(spec: TableSpec) -> Iterator[Rule]:
    what = f"some {spec.name.replace('_', ' ')} received"
    names = [column.name for column in spec.columns]
    required = [column.name for column in spec.columns if not column.nullable]
    condition = " or ".join(f"{name} is null" for name in required)
    yield Rule(
        "bronze_in",
        spec.address,
        "required_columns_are_filled",
        _count(condition),
        f"{what} lack what every one of them needs",
    )
    yield Rule(
        "bronze_in",
        spec.address,
        "no_row_is_from_the_future",
        # A source may be a day ahead of us (METRICS §1, quarantine); landing refuses what is further.
        _count(f"greatest({', '.join(name for name in _TIMES if name in names)}) > landed_at + interval 1 day"),
        f"{what} carry dates that lie in the future",
    )
    yield Rule(
        "bronze_in",
        spec.address,
        "ids_are_not_empty",
        _count(f"coalesce(trim({'record_id' if 'record_id' in names else 'source_id'}), '') = ''"),
        f"{what} lack what identifies them",
    )
    if spec.name == "events":
        yield Rule(
            "bronze_in",
            spec.address,
            "types_are_known",
            _count(f"type is null or type not in ({_EVENT_TYPES})"),
            f"{what} are of kinds that nobody knows",
        )
        yield Rule(
            "bronze_in",
            spec.address,
            "somebody_did_them",
            _count("user_id is null and anonymous_id is null"),
            f"{what} name nobody who caused them",
        )


def _gold(mart: Mart) -> Iterator[Rule]:
    spec = mart.spec
    where = f"in {mart.subject},"
    condition = " or ".join(f"{name} is null" for name in spec.key)
    words = f"{where} some entries lack what identifies them"
    yield Rule("gold_out", spec.address, "keys_are_filled", _count(condition), words)
    keys = ", ".join(spec.key)
    yield Rule(
        "gold_out",
        spec.address,
        "keys_are_unique",
        f"count(*) - count(distinct ({keys}))",
        f"{where} some entries stand twice and would be counted twice",
    )
    # What a description calls signed, such as a movement, may lie below zero.
    counts = [column.name for column in spec.columns if column.type == "bigint" and "signed" not in column.description]
    if counts:
        condition = " or ".join(f"{name} < 0" for name in counts)
        yield Rule(
            "gold_out",
            spec.address,
            "counts_are_not_negative",
            _count(condition),
            f"{where} some counts lie below zero",
        )
    ratios = [column.name for column in spec.columns if _RATIO.search(column.description)]
    if ratios:
        condition = " or ".join(f"{name} not between 0 and 1" for name in ratios)
        yield Rule(
            "gold_out",
            spec.address,
            "ratios_are_possible",
            _count(condition),
            f"{where} some shares lie below 0 % or above 100 %",
        )
    doubles = [column.name for column in spec.columns if column.type == "double"]
    if doubles:
        condition = " or ".join(f"not isfinite({name})" for name in doubles)
        yield Rule(
            "gold_out", spec.address, "figures_are_finite", _count(condition), f"{where} some figures have no value"
        )
    # A ledger has a period of its own, which starts and ends with what was paid for.
    if spec.slice_column and mart.slices != "int_affected_mrr_days":
        yield Rule(
            "gold_out",
            spec.address,
            "no_day_lies_outside_the_data",
            _count(f"{spec.slice_column} > last_day or {spec.slice_column} < first_day"),
            f"{where} some days lie outside the period that the data covers",
        )


def _count(condition: str) -> str:
    return f"count(*) filter (where {condition})"
