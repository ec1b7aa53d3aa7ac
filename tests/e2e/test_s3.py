"""A lake on S3-compatible storage: the tables of a folder, safe against a second writer, served from copies."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dashboards.needs import met
from orchestration.audit.verdict import Failure, Verdict
from orchestration.cli import app
from orchestration.gold.build import run_gold
from orchestration.publish import publish as publishing
from orchestration.publish.publish import publish
from orchestration.publish.retention import prune
from serving.opening import open_serving
from serving.principal import ALL
from tests.support.s3_server import Server, finish, server, tenure
from transforms.runner import run_transforms
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.dbt import marts as gold_models
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.published import replica
from warehouse_models.published.manifest import Manifest
from warehouse_models.published.publication import Publication
from warehouse_models.specs import all_specs

pytestmark = pytest.mark.slow

EVENTS = "SELECT count(*) FROM marts.fct_events"
# When something landed or was published differs from run to run; so do the names of landings.
TIMES = ("landed_at", "landed_date", "published_at", "batch_id")


@dataclass(frozen=True)
class World:
    """A lake on the server, and two files of events of which some are the same."""

    server: Server
    lake: str
    folder: Path

    def use(self, patch: pytest.MonkeyPatch, host: str = "a") -> None:
        """Be a host of its own: the same lake, another TENURE_HOME."""
        patch.setenv("TENURE_HOME", str(self.folder / host))
        for key, value in self.server.environment(self.lake).items():
            patch.setenv(key, value)


def events(path: Path, numbers: range) -> Path:
    """A file of one event a number, over 12 days, 5 users and 2 accounts."""
    rows = [
        {
            "type": "track",
            "event": f"f{n % 3}",
            "messageId": f"m{n}",
            "userId": f"u{n % 5}",
            "context": {"groupId": f"g{n % 5 % 2}"},
            "timestamp": f"2024-01-{1 + n % 12:02d}T{n % 24:02d}:00:00Z",
            "receivedAt": f"2024-01-{1 + n % 12:02d}T{n % 24:02d}:00:01Z",
        }
        for n in numbers
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Landed by two writers at once, run by a process that is killed, and run again."""
    folder = tmp_path_factory.mktemp("s3")
    with server() as s3, pytest.MonkeyPatch.context() as patch:
        world = World(s3, s3.bucket("lake") + "/deep/down", folder)
        world.use(patch)
        lake = Lake()
        Catalog(lake).add_tenant("acme")
        files = [events(folder / "one.jsonl", range(400)), events(folder / "two.jsonl", range(300, 700))]
        finish(*(tenure("land", "--tenant", "acme", "--object", "events", str(file)) for file in files))
        killed = tenure("run")
        deadline = time.monotonic() + 120
        while lake.shard("pool").version("silver/product/activity") is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert killed.poll() is None, killed.communicate()[0]
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        finish(tenure("run"))
        yield world


@pytest.fixture
def on_s3(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world, as host a."""
    world.use(monkeypatch)
    return world


def tables(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but for times of landing and publishing."""
    marts = [mart.spec for mart in gold_models.marts().values() if not mart.is_view]
    rows_of = {}
    with lake.duck() as connection:
        for spec in [*all_specs().values(), *marts]:
            version = lake.shard("pool").version(spec)
            if version is not None:
                names = ", ".join(f'"{c.name}"' for c in spec.columns if c.name not in TIMES)
                table = lake.shard("pool").scan(spec, version)
                rows = connection.execute(f"SELECT {names} FROM {table}").fetchall()
                rows_of[spec.address] = sorted(rows, key=repr)
    return rows_of


def test_tables_on_s3_equal_those_of_a_folder_though_a_run_was_killed_and_two_landed_at_once(
    on_s3: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tables(Lake())
    with open_serving("acme") as connection:
        assert connection.execute(EVENTS).rows() == [(700,)], "nothing lost, nothing doubled"
    monkeypatch.setenv("TENURE_HOME", str(on_s3.folder / "plain"))
    monkeypatch.delenv("TENURE_LAKE")
    lake = Lake()
    Catalog(lake).add_tenant("acme")
    for name in ("one", "two"):
        finish(tenure("land", "--tenant", "acme", "--object", "events", str(on_s3.folder / f"{name}.jsonl")))
    run_transforms(lake, "pool")
    publish(lake, "pool", run_gold(lake, "pool").verdicts)
    here = tables(lake)
    # Which of two landings was first says what the other did not have to land again.
    for contents in (here, there):
        del contents["bronze/product/events"], contents["bronze/landings"]
    assert there.keys() == here.keys() and len(here) > 15
    assert {name for name in here if here[name] != there[name]} == set()


def test_landing_twice_on_s3_adds_nothing(on_s3: World) -> None:
    before = {spec.address: Lake().shard("pool").version(spec) for spec in all_specs().values()}
    finish(tenure("land", "--tenant", "acme", "--object", "events", str(on_s3.folder / "one.jsonl")))
    assert {spec.address: Lake().shard("pool").version(spec) for spec in all_specs().values()} == before


def test_another_host_serves_whole_copies_and_goes_on_while_the_storage_is_away(
    on_s3: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_s3.use(monkeypatch, "b")
    monkeypatch.setattr(replica, "FRESH_SECONDS", 0.0)
    shown = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)
    assert [tenant["tenant"] for tenant in shown["tenants"]] == ["acme"]
    with open_serving("acme") as connection:
        assert connection.execute(EVENTS).rows() == [(700,)]
    copies = sorted(
        path.relative_to(home.published_root()).parts[0] for path in home.published_root().rglob("*.duckdb")
    )
    assert copies == ["acme"], "only what was asked for"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    replica.storage.store.cache_clear()
    with open_serving("acme") as connection:
        days = "SELECT count(DISTINCT date) FROM marts.fct_product_engagement_daily"
        assert connection.execute(days).rows() == [(12,)]
    monkeypatch.setenv("TENURE_HOME", str(on_s3.folder / "c"))
    with pytest.raises(TenureError, match="does not answer"):
        open_serving("acme")
    assert met(ALL) == [], "what asks who has revenue gets no error: it stands before every page of Superset"
    replica.storage.store.cache_clear()


def test_a_copy_that_is_not_what_was_published_is_not_served(on_s3: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import obstore

    on_s3.use(monkeypatch, "d")
    root = home.published_root()
    file = str(replica.present(root)[0].tenants["acme"].file)
    objects = replica.originals_store()
    whole = bytes(obstore.get(objects, file).bytes())
    obstore.put(objects, file, whole[:-4096])
    with pytest.raises(TenureError, match="is not what was published"):
        open_serving("acme")
    assert not list(root.rglob("*.duckdb")) and not list(root.rglob("*.fetching"))
    obstore.put(objects, file, whole)


def test_publications_of_two_hosts_at_once_are_both_kept_and_one_shard_is_not_set_back(
    on_s3: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake()
    Catalog(lake).add_shard("own", "dedicated")
    Catalog(lake).add_tenant("cord", "own")
    on_s3.use(monkeypatch, "e")
    file = events(on_s3.folder / "cord.jsonl", range(50))
    finish(tenure("land", "--tenant", "cord", "--object", "events", str(file)))
    run_transforms(lake, "own")
    verdicts = run_gold(lake, "own").verdicts
    root = home.published_root()
    real, started = publishing.next_manifest, replica.present(root)[0].number
    now = datetime.now(UTC)
    reason = {"is_held": True, "held_reason": "nothing of it is right", "held_since": now, "checks_failed": 1}
    held = Publication(shard="own", published_at=now, **reason)
    between: list[dict[str, Publication]] = []

    def after_another_host(*arguments: Any) -> Manifest:
        made = real(*arguments)
        if between:
            with pytest.MonkeyPatch.context() as patch:
                on_s3.use(patch, "a")
                there, token = replica.present(home.published_root())
                moved = {**there.tenants, **between.pop()}
                assert replica.swap(
                    home.published_root(), replace(there, number=there.number + 1, tenants=moved), token
                )
        return made

    monkeypatch.setattr(publishing, "next_manifest", after_another_host)
    between.append({"cord": held})
    with pytest.raises(TenureError, match="another host published it"):
        publish(lake, "own", verdicts)
    present = replica.present(root)[0]
    assert (present.number, present.tenants["cord"]) == (started + 1, held), "the other host's publication stands"

    acme = present.tenants["acme"]
    between.append({"acme": replace(acme, judged=acme.judged + 1)})
    assert publish(lake, "own", verdicts).manifest == started + 3
    later = replica.present(root)[0]
    assert later.tenants["acme"].judged == acme.judged + 1, "the other shard's publication stands"
    assert later.tenants["cord"].version == 1
    with open_serving("cord") as connection:
        assert connection.execute(EVENTS).rows() == [(50,)]

    prune(root)
    assert later.files() <= set(replica.originals(root)), "nothing that is named was removed"
    assert [manifest.number for manifest in Manifest.kept(root)] == list(range(1, started + 4)), "all are kept"

    # Held on a host that has no copies: its last file is fetched, and only what it says of itself changes.
    shutil.rmtree(root)
    red = {"cord": Verdict("cord", (Failure("events", "no events are impossible", 1),))}
    assert set(publish(lake, "own", red).held) == {"cord"}
    with open_serving("cord") as connection:
        assert connection.execute(EVENTS).rows() == [(50,)]
        assert connection.execute("SELECT published_version, is_held FROM marts.trust").rows() == [(2, True)]
