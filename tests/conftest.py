"""What every test may ask for: the shared samples, a Tenure home of its own, and the right worker.

The samples lie beside the checkout (`../shared/samples`), are never copied in, and may be absent. A test that needs
them skips with the reason, unless TENURE_REQUIRE_SAMPLES=1 (CI sets it), where a missing sample is a failure: a green
run in which the measuring tests skipped would prove nothing. Likewise
TENURE_REQUIRE_SPARK, _BROWSER, _FAULTS and _SDKS.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from orchestration.gold.dbt.process import DbtProcess
from tests.support.dbt_forks import Mother
from tests.support.seeds import seed_of_commit

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = Path(os.environ.get("TENURE_SAMPLES", ROOT.parent / "shared" / "samples"))

# One Spark session and one Superset boot a run: everything that carries the mark runs on one worker.
ONE_WORKER = {"spark": "spark", "superset": "superset", "browser": "superset"}
_START_FIRST = {"transforms": 0, "faults": 1, "browser": 2, "e2e": 3, "orchestration": 4}

# hypothesis fails an example of over 200 ms by default; on a busy machine that says nothing.
settings.register_profile("tenure", deadline=None)
settings.load_profile("tenure")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-seed", type=int, help="of the slices of faults; another one for each commit by default")


def pytest_report_header(config: pytest.Config) -> str:
    return f"faults: --fault-seed {fault_seed(config)}"


def fault_seed(config: pytest.Config) -> int:
    """The seed of the slices of faults: --fault-seed, else the commit's."""
    given = config.getoption("--fault-seed")
    return seed_of_commit() if given is None else int(given)


def pytest_configure(config: pytest.Config) -> None:
    """Nothing in a test run may phone home or read the developer's own settings, and no test is timed."""
    # hypothesis fails an example of over 200 ms by default; on a busy machine that says nothing.
    settings.register_profile("tenure")
    settings.load_profile("tenure")
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    os.environ.pop("TENURE_LAKE", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests share a worker, because they share its fixtures; the longest groups begin first."""
    for item in items:
        group = next((group for mark, group in ONE_WORKER.items() if item.get_closest_marker(mark)), None)
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(group or item.path.name))
    rooms = {item: item.path.relative_to(ROOT / "tests").parts[0] for item in items}
    items.sort(key=lambda item: _START_FIRST.get(rooms[item], len(_START_FIRST)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("spark"):
        need("SPARK", shutil.which("java") is not None, "Java 17 is not installed (Debian: openjdk-17-jre-headless)")
    if item.get_closest_marker("superset"):
        python = ROOT / ".venv-superset" / "bin" / "python"
        need("BROWSER", python.exists(), "the Superset environment is missing (make setup)")
    if item.get_closest_marker("browser"):
        need("BROWSER", browser() is not None, "Chromium is not installed (Debian: chromium)")


def need(what: str, present: bool, reason: str) -> None:
    """Skip with `reason` when a thing is absent; fail instead where TENURE_REQUIRE_<what>=1."""
    if present:
        return
    if os.environ.get(f"TENURE_REQUIRE_{what}") == "1":
        pytest.fail(f"{reason}, and TENURE_REQUIRE_{what}=1 forbids skipping", pytrace=False)
    pytest.skip(reason)


def browser() -> str | None:
    """Path of the Chromium to drive: TENURE_CHROMIUM, else the one on the PATH."""
    return os.environ.get("TENURE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def samples() -> Callable[[str], Path]:
    """`samples("git_history")` -> folder of that sample; skips (or fails, see above) where it is absent."""

    def folder(name: str) -> Path:
        path = SAMPLES / name
        need("SAMPLES", path.exists(), f"the sample {name} is not here: {SAMPLES.name} stands beside the checkout")
        return path

    return folder


@pytest.fixture(scope="session", autouse=True)
def dbt_forks() -> Iterator[None]:
    """dbt's processes are forked from one that parsed the project, see dbt_forks.py."""
    mother = Mother()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DbtProcess, "start_child", lambda process: mother.start(process))
        yield


@pytest.fixture
def tenure_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty TENURE_HOME of this test's own."""
    home = tmp_path / "tenure"
    monkeypatch.setenv("TENURE_HOME", str(home))
    monkeypatch.delenv("TENURE_LAKE", raising=False)
    yield home
