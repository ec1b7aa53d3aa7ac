"""The real samples through the whole job: landed in three shuffled parts, published after each."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connectors.land import land
from orchestration.gold import run_gold
from orchestration.publish import publish
from tests.s3_server import server
from transforms.runner import run_transforms
from warehouse_models.catalog import Catalog
from warehouse_models.lake import Lake

TENANTS = ("git_history", "ecom_clickstream", "crm_product")


@dataclass(frozen=True)
class Published:
    """A published lake: `rows(tenant, sql)` asks the tenant's marts, `folder(name)` is the sample's folder."""

    lake: Lake
    folder: Callable[[str], Path]

    def rows(self, tenant: str, sql: str) -> list[tuple[Any, ...]]:
        from warehouse_models.serving import open_serving

        with open_serving(tenant) as connection:
            return connection.execute(sql).rows()


def land_in_parts(lake: Lake, folder: Callable[[str], Path], drop: Path, part: int, seed: int = 7) -> None:
    """Land the `part`-th third of each sample's events, in an order of its own."""
    drop.mkdir(parents=True, exist_ok=True)
    for tenant in TENANTS:
        lines = gzip.decompress((folder(tenant) / "segment_events.jsonl.gz").read_bytes()).splitlines(keepends=True)
        Random(seed).shuffle(lines)
        path = drop / f"{tenant}-{part}.jsonl"
        path.write_bytes(b"".join(lines[part::3]))
        report = land(lake, Catalog(lake), tenant, "events", [path])
        assert report.quarantined == 0, report


WAYS = [
    "duckdb",
    pytest.param("duckdb on s3", marks=pytest.mark.xdist_group("s3")),
    pytest.param("spark", marks=pytest.mark.spark),
]


@pytest.fixture(scope="module", params=WAYS)
def published(
    request: pytest.FixtureRequest, samples: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    """Samples landed in three shuffled parts with a run after each; gold and publication do not differ by engine, so
    they follow each part of the embedded engine's in a folder, and the last part of the other ways."""
    folder, parts = tmp_path_factory.mktemp("samples"), range(3)
    engine, _, place = request.param.partition(" on ")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("TENURE_HOME", str(folder / "tenure"))
        assert "TENURE_LAKE" not in os.environ
        if place:
            s3 = stack.enter_context(server())
            for key, value in s3.environment(s3.bucket("samples")).items():
                patch.setenv(key, value)
        lake = Lake()
        for tenant in TENANTS:
            Catalog(lake).add_tenant(tenant)
        for part in parts:
            land_in_parts(lake, samples, folder / "drop", part)
            run_transforms(lake, "pool", engine)
            if request.param == "duckdb" or part == parts[-1]:
                result = run_gold(lake, "pool")
                assert result.ok, result
                publish(lake, "pool", result.verdicts)
        yield Published(lake, samples)
