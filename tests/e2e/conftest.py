"""The real samples through the whole job: landed in three shuffled parts of any size, in several orders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration.gold.build import run_gold
from orchestration.publish.publish import publish
from tests.support.s3_server import server
from tests.support.samples import PARTS, TENANTS, land_part
from transforms.runner import run_transforms
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake


@dataclass(frozen=True)
class Published:
    """A published lake: `rows(tenant, sql)` asks the tenant's marts, `folder(name)` is the sample's folder."""

    lake: Lake
    folder: Callable[[str], Path]

    def rows(self, tenant: str, sql: str) -> list[tuple[Any, ...]]:
        from serving.opening import open_serving

        with open_serving(tenant) as connection:
            return connection.execute(sql).rows()


# (seed of the order, in a folder or on s3). What Spark makes of the samples: tests/transforms/test_parity.py.
WAYS = [
    pytest.param((7, "folder"), id="7"),
    pytest.param((9, "s3"), id="9-on-s3", marks=pytest.mark.xdist_group("s3")),
]


@pytest.fixture(scope="module", params=WAYS)
def published(
    request: pytest.FixtureRequest, samples: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    """Samples landed in three shuffled parts with a run of silver, gold and publication after each. The other way runs
    silver after two of them, and gold at the end."""
    seed, place = request.param
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
        for part in range(PARTS):
            land_part(lake, samples, folder / "drop", part, seed)
            if place == "folder" or part > 0:
                run_transforms(lake, "pool")
            if place == "folder" or part == PARTS - 1:
                result = run_gold(lake, "pool")
                assert result.ok, result
                publish(lake, "pool", result.verdicts)
        yield Published(lake, samples)
