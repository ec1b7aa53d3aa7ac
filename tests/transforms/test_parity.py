"""Both engines write equal tables from hostile input, and each goes on from what the other wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.histories.events import history
from tests.support.histories.revenue import billing_history
from tests.support.lakes import land_together, whole
from transforms.definition import order
from transforms.engines.spark import SparkEngine
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

HISTORIES = 8


@pytest.mark.spark
def test_spark_and_duckdb_write_equal_tables_and_continue_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "tenure"))
    embedded = Lake(str(tmp_path / "embedded"))
    told = {f"history{i}": history(1000 + i) for i in range(HISTORIES)}
    told |= {f"billing{i}": billing_history(1000 + i) for i in range(HISTORIES)}
    catalog = Catalog(embedded)
    for tenant, tale in told.items():
        # Policies differ from tenant to tenant, so that their relations take part.
        catalog.add_tenant(tenant, settings=tale.settings)
    mixed = Lake(str(tmp_path / "mixed"))
    for batch, engine in enumerate(("spark", "duckdb", "spark")):
        land_together(embedded, [(tenant, one) for tenant, tale in told.items() for one in tale.batches[batch]])
        _copy_bronze(embedded, mixed)
        run_transforms(embedded, "pool")
        results = run_transforms(mixed, "pool", SparkEngine(mixed) if engine == "spark" else engine)
        assert batch > 0 or not all(result.skipped for result in results)
        for address in order():
            assert whole(mixed, address) == whole(embedded, address), f"{address} after batch {batch} by {engine}"


def _copy_bronze(source: Lake, target: Lake) -> None:
    """Bronze and catalog of `source` in `target`: both lakes hold the same rows of the same commits."""
    for part in ("catalog", "shards/pool/bronze"):
        if Path(source.root, part).exists():
            shutil.copytree(Path(source.root, part), Path(target.root, part), dirs_exist_ok=True)
