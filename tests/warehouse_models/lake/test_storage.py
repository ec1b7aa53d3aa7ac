"""Object storage: safe against a second writer or told as unsafe, reasons in our words, the key shown nowhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.publish.retention import prune
from orchestration.services import doctor
from serving.opening import open_serving
from tests.support.s3_server import SECRET, Server, server, tenure
from transforms.engines.open import open_engine
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake import duck, storage
from warehouse_models.lake.lake import Lake
from warehouse_models.published import replica
from warehouse_models.published.manifest import Manifest
from warehouse_models.published.publication import Publication


@pytest.fixture(scope="module")
def s3() -> Iterator[Server]:
    with server() as made:
        made.bucket("lake")
        yield made


@pytest.fixture
def on_s3(s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A lake of this test's own on the server."""
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "tenure"))
    for key, value in s3.environment(f"s3://lake/{tmp_path.name}").items():
        monkeypatch.setenv(key, value)
    return s3


def test_changes_of_the_catalog_by_many_writers_at_once_are_all_kept(on_s3: Server) -> None:
    names = [f"t{n}x" for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: Catalog(Lake()).add_tenant(name), names))
    assert [tenant.tenant_id for tenant in Catalog().tenants()] == names


def test_of_writers_who_create_one_object_exactly_one_does(on_s3: Server) -> None:
    import obstore

    objects = storage.store(home.lake_root())

    def create(number: int) -> bool:
        try:
            obstore.put(objects, "one", str(number).encode(), mode="create")
            return True
        except obstore.exceptions.AlreadyExistsError:
            return False

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(16)))
    assert sum(won) == 1 and bytes(obstore.get(objects, "one").bytes()) == str(won.index(True)).encode()


def test_doctor_tells_storage_that_is_not_safe_against_a_second_writer(
    on_s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (finding,) = doctor.storage_findings()
    assert finding.state == "ok"
    with server(ignores_conditions=True) as careless:
        for key, value in careless.environment(careless.bucket("careless")).items():
            monkeypatch.setenv(key, value)
        (finding,) = doctor.storage_findings()
        assert finding.state == "wrong" and "overwrite each other" in finding.says


def test_spark_says_what_it_lacks_for_s3(on_s3: Server) -> None:
    with pytest.raises(TenureError, match="hadoop-aws"):
        open_engine("spark", Lake())


@pytest.mark.parametrize("fault", ["key", "bucket", "endpoint", "no key", "scheme"])
def test_storage_that_cannot_be_used_is_told_as_thing_reason_and_next_step(tenure_home: Path, fault: str) -> None:
    with server(checks_keys=fault == "key") as other:
        environment = other.environment(other.bucket("lake") if fault == "key" else "s3://nobody-made-this")
        why = {
            "key": "refuses the key",
            "bucket": "bucket nobody-made-this does not exist",
            "endpoint": "http://127.0.0.1:9 does not answer",
            "no key": "AWS_ACCESS_KEY_ID is not set",
            "scheme": "no address of a lake",
        }[fault]
        if fault == "endpoint":
            environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
        if fault == "no key":
            environment["AWS_ACCESS_KEY_ID"] = ""
        if fault == "scheme":
            environment["TENURE_LAKE"] = "gs://bucket"
        started = time.monotonic()
        process = tenure("tenant", "list", **environment)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 2 and why in said and "next:" in said, said
    assert "Traceback" not in said and SECRET not in said and len(said.splitlines()) <= 4, said
    assert time.monotonic() - started < 60


def test_a_connection_that_reads_s3_shows_no_secret(on_s3: Server) -> None:
    with duck.connect() as connection:
        shown = connection.execute("SELECT * FROM duckdb_secrets()").fetchall()
    assert shown and SECRET not in repr(shown)


def test_serving_from_s3_needs_what_the_environment_of_superset_has(on_s3: Server) -> None:
    root = home.published_root()
    publication(root, 1, None)
    program = (
        "import sys\n"
        "for name in ('deltalake', 'pyarrow', 'pandas', 'yaml', 'pydantic', 'sqlglot', 'dagster'):\n"
        "    sys.modules[name] = None\n"
        "from serving.opening import open_serving\n"
        "with open_serving('acme') as served:\n"
        "    print(served.execute('SELECT version FROM marts.trust').rows())\n"
    )
    environment = os.environ | {"TENURE_HOME": str(root.parent.parent.parent / "superset")}
    process = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert process.stdout == "[(1,)]\n", process.stderr


def publication(root: Path, number: int, token: str | None) -> str:
    """Publish version `number` of acme by hand; the name of its file."""
    (root / "acme").mkdir(parents=True, exist_ok=True)
    with duck.connect(root / "acme" / f"{number}.duckdb") as connection:
        connection.execute(f"CREATE SCHEMA marts; CREATE TABLE marts.trust AS SELECT {number} AS version")
    file = replica.upload(root, f"acme/{number}.duckdb")
    publication = Publication(shard="pool", file=file, version=number)
    assert replica.swap(root, Manifest(number, datetime.now(UTC), {"acme": publication}), token)
    return file


def test_a_serving_host_takes_the_next_publication_and_removes_the_copy_before_it_after_an_hour(
    on_s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def served() -> list[tuple[Any, ...]]:
        monkeypatch.setenv("TENURE_HOME", str(tmp_path / "serving"))
        replica.asked_at.clear()
        with open_serving("acme") as connection:
            return connection.execute("SELECT version FROM marts.trust").rows()

    def published(number: int) -> str:
        monkeypatch.setenv("TENURE_HOME", str(tmp_path / "publishing"))
        root = home.published_root()
        return publication(root, number, replica.present(root)[1])

    files = [published(1)]
    assert served() == [(1,)]
    copies = home.published_root()
    files.append(published(2))
    assert served() == [(2,)]
    assert all((copies / file).exists() for file in files), "who read the manifest a moment ago finds its file"
    os.utime(copies / files[0], (0, 0))
    files.append(published(3))
    assert served() == [(3,)]
    assert [(copies / file).exists() for file in files] == [False, True, True]


def test_a_publisher_that_was_killed_after_its_swap_leaves_its_publication_among_the_past_ones(
    on_s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = home.published_root()
    first = publication(root, 1, None)
    with monkeypatch.context() as patch:
        patch.setattr(replica, "archive", lambda _: None)
        second = publication(root, 2, replica.present(root)[1])
    shutil.rmtree(root)
    assert prune(root) == 0
    assert [manifest.number for manifest in Manifest.kept(root)] == [1, 2]
    assert {first, second} <= set(replica.originals(root))


def test_many_threads_of_a_dashboard_fetch_one_copy_and_all_are_answered(
    on_s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication(home.published_root(), 1, None)
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "serving"))
    monkeypatch.setattr(replica, "FRESH_SECONDS", 0.0)
    replica.asked_at.clear()

    def tile(_: int) -> list[tuple[Any, ...]]:
        with open_serving("acme") as connection:
            return connection.execute("SELECT version FROM marts.trust").rows()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tile, range(16))) == [[(1,)]] * 16
