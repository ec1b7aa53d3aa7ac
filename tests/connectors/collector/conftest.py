"""One collector for the tests of a module, those that break it start their own; and the SDKs from their registries."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need
from tests.support.worlds.collector import STARTED, World, start, stop_started
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

SDKS = ("segment-analytics-python==2.4.0", "rudder-sdk-python==2.1.9")
NODE_SDKS = ("@segment/analytics-node@3.1.0", "@rudderstack/rudder-sdk-node@3.0.13")


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


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the SDKs, in an environment of its own."""
    folder = tmp_path_factory.mktemp("sdks")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    process = subprocess.run([folder / "bin" / "pip", "install", "-q", *SDKS], capture_output=True, text=True)
    need("SDKS", process.returncode == 0, f"the SDKs could not be installed: {process.stderr[-300:]}")
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Node finds the SDKs."""
    need("SDKS", shutil.which("npm") is not None, "Node is not installed (Debian: nodejs npm)")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}")
    install = ["npm", "install", "--no-audit", "--no-fund", *NODE_SDKS]
    process = subprocess.run(install, cwd=folder, capture_output=True, text=True)
    need("SDKS", process.returncode == 0, f"the SDKs could not be installed: {process.stderr[-300:]}")
    return folder
