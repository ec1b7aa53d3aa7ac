"""The real samples through the whole job: landed in three shuffled parts of any size, in several orders."""

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

from connectors.landing.land import land
from orchestration.gold.build import run_gold
from orchestration.publish.publish import publish
from tests.support.s3_server import server
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

TENANTS = ("git_history", "ecom_clickstream", "crm_product")


@dataclass(frozen=True)
class Published:
    """A published lake: `rows(tenant, sql)` asks the tenant's marts, `folder(name)` is the sample's folder."""

    lake: Lake
    folder: Callable[[str], Path]

    def rows(self, tenant: str, sql: str) -> list[tuple[Any, ...]]:
        from serving.connection import open_serving

        with open_serving(tenant) as connection:
            return connection.execute(sql).rows()


def land_part(lake: Lake, folder: Callable[[str], Path], drop: Path, part: int, seed: int) -> None:
    """Land the `part`-th of three parts of each sample's events; order and cuts follow from the seed."""
    drop.mkdir(parents=True, exist_ok=True)
    for tenant in TENANTS:
        rng = Random(f"{tenant} {seed}")
        lines = gzip.decompress((folder(tenant) / "segment_events.jsonl.gz").read_bytes()).splitlines(keepends=True)
        rng.shuffle(lines)
        cuts = [0, *sorted(rng.sample(range(1, len(lines)), 2)), len(lines)]
        path = drop / f"{tenant}-{part}.jsonl"
        path.write_bytes(b"".join(lines[cuts[part] : cuts[part + 1]]))
        report = land(lake, Catalog(lake), tenant, "events", [path])
        assert report.quarantined == 0, report


# (engine, seed of the order, in a folder or on s3)
WAYS = [
    pytest.param(("duckdb", 7, "folder"), id="duckdb-7"),
    pytest.param(("duckdb", 8, "folder"), id="duckdb-8"),
    pytest.param(("duckdb", 9, "s3"), id="duckdb-9-on-s3", marks=pytest.mark.xdist_group("s3")),
    pytest.param(("spark", 7, "folder"), id="spark-7", marks=pytest.mark.spark),
]


@pytest.fixture(scope="module", params=WAYS)
def published(
    request: pytest.FixtureRequest, samples: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    """Samples landed in three shuffled parts with a run of silver, gold and publication after each. The other ways run
    silver after two of them, and at the end what differs neither by engine nor by what silver was before."""
    (engine, seed, place), parts = request.param, range(3)
    folder = tmp_path_factory.mktemp("samples")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("TENURE_HOME", str(folder / "tenure"))
        assert "TENURE_LAKE" not in os.environ
        if place == "s3":
            s3 = stack.enter_context(server())
            for key, value in s3.environment(s3.bucket("samples")).items():
                patch.setenv(key, value)
        lake = Lake()
        for tenant in TENANTS:
            Catalog(lake).add_tenant(tenant)
        for part in parts:
            land_part(lake, samples, folder / "drop", part, seed)
            is_first_way = request.param == ("duckdb", 7, "folder")
            if is_first_way or part > 0:
                run_transforms(lake, "pool", engine)
            if is_first_way or part == parts[-1]:
                result = run_gold(lake, "pool")
                assert result.ok, result
                publish(lake, "pool", result.verdicts)
        yield Published(lake, samples)
