"""Hundreds of random histories, each a tenant of one shard, through landing, silver and gold; what must come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.audit.verdict import Verdict
from orchestration.gold.build import run_gold
from tests.support.histories.events import History, history
from tests.support.lakes import land_rows, land_together, silver
from tests.support.oracle.marts import rounded
from tests.support.oracle.whole import SILVER, Whole
from transforms.definition import order
from transforms.runner import run_transforms
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.lake import duck
from warehouse_models.lake.lake import Lake

Tables = dict[str, Counter[tuple[Any, ...]]]
BATCHES = 3
# What a publication says of itself is no part of what the data says; an id is a hash of the other columns.
_COMPARED = {
    "trust": ("tenant_id", "data_through", "coverage"),
    "fct_sessions": SILVER["silver/product/sessions"].split(", "),
}


@dataclass
class World:
    """Random histories as tenants of one lake; tenant `h<seed>` lives the history of that seed."""

    lake: Lake
    histories: dict[str, History]
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    @classmethod
    def of(cls, seeds: range, tell: Callable[[int, int], History] = history) -> World:
        """A new lake below TENURE_HOME with one tenant a seed, whose history `tell` knows."""
        world = cls(Lake(), {f"h{seed}": tell(seed, BATCHES) for seed in seeds})
        catalog = Catalog(world.lake)
        for tenant, one in world.histories.items():
            catalog.add_tenant(tenant, settings=one.settings)
        return world

    def land(self, batch: int, folder: Path, by_file: int) -> None:
        """Land a batch of everybody: of the first `by_file` tenants file by file, as `tenure land` does."""
        slow = list(self.histories)[:by_file]
        for tenant in slow:
            for delivery in self.histories[tenant].batches[batch]:
                options = {"as_of": delivery.as_of, "complete": delivery.complete}
                land_rows(self.lake, tenant, delivery.object, delivery.rows, folder, **options)
        others = [
            (t, delivery) for t, one in self.histories.items() if t not in slow for delivery in one.batches[batch]
        ]
        land_together(self.lake, others)

    def run_silver(self, **options: Any) -> bool:
        """Bring silver up to date; whether anything was done."""
        return not all(result.skipped for result in run_transforms(self.lake, "pool", **options))

    def run_gold(self, **options: Any) -> bool:
        """Bring gold up to date, every check green; whether anything was done."""
        result = run_gold(self.lake, "pool", **options)
        assert result.error is None, result.error
        red = {slug: verdict.failures for slug, verdict in result.verdicts.items() if not verdict.green}
        assert not red, red
        self.verdicts = dict(result.verdicts)
        return not result.skipped

    # -- what is there -----------------------------------------------------------------------------------------------
    def silver_versions(self) -> dict[str, int | None]:
        """Every silver table's version."""
        return {address: self.lake.shard("pool").version(address) for address in order()}

    def silver_moved(self, before: dict[str, int | None]) -> list[str]:
        """Silver tables that differ in any row or column from what they were at versions `before`."""
        moved = []
        with self.lake.duck() as connection:
            for address, version in before.items():
                if version is None and self.lake.shard("pool").version(address) is None:
                    continue
                shard = self.lake.shard("pool")
                now, then = f"FROM {shard.scan(address)}", f"FROM {shard.scan(address, version)}"
                both = f"({now} EXCEPT ALL {then}) UNION ALL ({then} EXCEPT ALL {now})"
                moved += [address] if connection.execute(f"SELECT 1 FROM ({both}) LIMIT 1").fetchone() else []
        return moved

    def silver(self) -> Tables:
        """Every silver table in the columns that the oracle knows."""
        return {address: Counter(silver(self.lake, address, columns)) for address, columns in SILVER.items()}

    def gold(self) -> Tables:
        """Every mart, views too; ratios to twelve digits."""
        connection = duck.connect(home.build_path("pool"), read_only=True)
        tables = {}
        for name, mart in gold_models.marts().items():
            columns = _COMPARED.get(name) or [column.name for column in mart.spec.columns]
            names = ", ".join(f'"{column}"' for column in columns)
            rows = connection.execute(f"select {names} from marts.{name}").fetchall()
            tables[name] = Counter(tuple(rounded(v) if isinstance(v, float) else v for v in row) for row in rows)
        connection.close()
        return tables

    # -- what must be there ------------------------------------------------------------------------------------------
    def expected(self) -> tuple[Tables, Tables]:
        """(silver, gold) by the oracle."""
        lower: Tables = {address: Counter() for address in SILVER}
        upper: Tables = {name: Counter() for name in gold_models.marts()}
        for tenant, one in self.histories.items():
            answer = Whole(tenant, one)
            for address, rows in answer.silver().items():
                lower[address].update(rows)
            for name, marts in answer.gold().items():
                upper[name].update(marts)
        return lower, upper


def difference(actual: Tables, wanted: Tables) -> list[str]:
    """What differs, by table: the seeds of the histories, and some rows of the first of them."""
    lines = []
    for table in sorted({*actual, *wanted}):
        surplus = actual.get(table, Counter()) - wanted.get(table, Counter())
        missing = wanted.get(table, Counter()) - actual.get(table, Counter())
        tenants = sorted({row[0] for row in [*surplus, *missing]})
        if tenants:
            few = {
                name: sorted((row for row in rows if row[0] == tenants[0]), key=str)[:3]
                for name, rows in (("too many", surplus), ("missing", missing))
            }
            lines.append(f"{table}: tenants {tenants[:8]} ({len(tenants)} in all), of the first {few}")
    return lines
