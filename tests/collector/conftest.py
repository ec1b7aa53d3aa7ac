"""One collector for the tests of a module; those that break it start their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.world import STARTED, World, start, stop_started
from warehouse_models.catalog import Catalog
from warehouse_models.lake import Lake


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("collector")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(folder / "tenure"))
        patch.delenv("TENURE_LAKE", raising=False)
        lake = Lake()
        catalog = Catalog(lake)
        for tenant in ("acme", "other"):
            catalog.add_tenant(tenant)
        made = World(lake, catalog, start(folder))
        yield made
        made.collector.kill()


@pytest.fixture
def own_world(tmp_path: Path, tenure_home: Path) -> Iterator[World]:
    """A lake of the test's own; its collector is not started, and those that the test starts end with it."""
    lake = Lake()
    catalog = Catalog(lake)
    catalog.add_tenant("acme")
    before = len(STARTED)
    yield World(lake, catalog, None)  # type: ignore[arg-type]
    stop_started(before)
