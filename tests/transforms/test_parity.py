"""Both engines write equal tables from hostile input and from the samples; each goes on from what the other wrote."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SAMPLES
from tests.support import samples as real
from tests.support.histories.events import history
from tests.support.histories.revenue import billing_history
from tests.support.lakes import land_together, rows_apart
from transforms.definition import order
from transforms.engines.spark import SparkEngine
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

HISTORIES = 8


@pytest.mark.spark
def test_spark_and_duckdb_write_equal_tables_and_continue_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: Callable[[str], Path]
) -> None:
    """A statement costs Spark a second and a row next to nothing: histories and samples come in the same three runs."""
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "tenure"))
    embedded = Lake(str(tmp_path / "embedded"))
    histories = {f"history{i}": history(1000 + i) for i in range(HISTORIES)}
    histories |= {f"billing{i}": billing_history(1000 + i) for i in range(HISTORIES)}
    catalog = Catalog(embedded)
    for tenant, tale in histories.items():
        # Policies differ from tenant to tenant, so that their relations take part.
        catalog.add_tenant(tenant, settings=tale.settings)
    has_samples = SAMPLES.exists() or os.environ.get("TENURE_REQUIRE_SAMPLES") == "1"
    for tenant in real.TENANTS if has_samples else ():
        catalog.add_tenant(tenant)
    mixed = Lake(str(tmp_path / "mixed"))
    for batch, engine in enumerate(("spark", "duckdb", "spark")):
        land_together(embedded, [(tenant, one) for tenant, tale in histories.items() for one in tale.batches[batch]])
        if has_samples:
            real.land_part(embedded, samples, tmp_path / "drop", batch, seed=7)
        _copy_bronze(embedded, mixed)
        run_transforms(embedded, "pool")
        results = run_transforms(mixed, "pool", SparkEngine(mixed) if engine == "spark" else engine)
        assert batch > 0 or not all(result.skipped for result in results)
        for address in order():
            assert rows_apart(mixed, embedded, address) == [], f"{address} after batch {batch} by {engine}"


def _copy_bronze(source: Lake, target: Lake) -> None:
    """Bronze and catalog of `source` in `target`: both lakes hold the same rows of the same commits."""
    for part in ("catalog", "shards/pool/bronze"):
        if Path(source.root, part).exists():
            shutil.copytree(Path(source.root, part), Path(target.root, part), dirs_exist_ok=True)
