"""Both engines write equal tables from hostile input, and each goes on from what the other wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.histories import PLAN, history
from tests.lakes import land_rows, whole
from transforms.definition import order
from transforms.engine_spark import SparkEngine
from transforms.runner import run_transforms
from warehouse_models.catalog import Catalog
from warehouse_models.lake import Lake

HISTORIES = 12


@pytest.mark.spark
def test_spark_and_duckdb_write_equal_tables_and_continue_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "tenure"))
    embedded = Lake(str(tmp_path / "embedded"))
    told = {f"history{i}": history(1000 + i) for i in range(HISTORIES)}
    catalog = Catalog(embedded)
    for tenant in told:
        catalog.add_tenant(tenant)
    # Two tenants' settings differ, so that the policy relations take part.
    catalog.set_tenant("history2", tracking_plan={"version": 1, "events": PLAN})
    catalog.set_tenant("history1", internal_users={"users": ["u1"], "accounts": ["globex"]}, session_gap_minutes=20)
    mixed = Lake(str(tmp_path / "mixed"))
    for batch, engine in enumerate(("spark", "duckdb", "spark")):
        for tenant, one in told.items():
            land_rows(embedded, tenant, "events", one.batches[batch], tmp_path / "drop")
            if one.users_with_batch == batch:
                land_rows(embedded, tenant, "users", one.users, tmp_path / "drop")
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
