"""One published world for all tests of serving; nothing here writes to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.connection import ServingConnection
from serving.opening import open_serving
from serving.principal import Principal
from tests.support.worlds import serving as world


@pytest.fixture(scope="session")
def published_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.build(tmp_path_factory.mktemp("published"))


@pytest.fixture
def home(published_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TENURE_HOME", str(published_home))
    return published_home


@pytest.fixture(scope="session")
def opened(published_home: Path) -> Iterator[ServingConnection]:
    """One database for all tests of statements: opening one loads `delta` and takes 200 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(published_home))
        connection = open_serving(Principal.of(world.GREEN))
    with connection:
        yield connection


@pytest.fixture
def green(opened: ServingConnection, home: Path) -> Iterator[ServingConnection]:
    """What a user of one tenant gets."""
    with opened.fork() as connection:
        yield connection
