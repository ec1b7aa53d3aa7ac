"""Runs through Dagster: by hand, by the sensor, by the daemon. One small lake, three tenants, two shards."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connectors.collector.http.messages import Message
from connectors.collector.journal.frames import frame
from connectors.contracts.times import parse_micros
from orchestration.run import RunResult, run_shards
from orchestration.schedules import daily, landings
from orchestration.services import services
from orchestration.services.instance import PARTITION_TAG, PID_TAG, bury_dead_runs, open_instance
from tests.support.lakes import land_rows
from warehouse_models import home
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake
from warehouse_models.published.manifest import Manifest

pytestmark = [pytest.mark.xdist_group("dagster"), pytest.mark.slow]


def event(number: int, user: str, day: str) -> dict[str, Any]:
    message = {"messageId": str(number), "type": "track", "event": "Opened", "userId": user}
    return message | {"timestamp": f"2026-01-{day}T10:00:00Z", "context": {"groupId": "account-1"}}


def land(tenant: str, folder: Path, *events: dict[str, Any]) -> None:
    assert land_rows(Lake(), tenant, "events", events, folder).quarantined == 0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[list[RunResult]]:
    """A lake after its first run: `alpha` and `beta` in the pool, `gamma` in a shard of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENURE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("TENURE_LAKE", raising=False)
        catalog = Catalog()
        catalog.add_shard("own", "dedicated")
        for slug, shard in (("alpha", "pool"), ("beta", "pool"), ("gamma", "own")):
            catalog.add_tenant(slug, shard)
            land(slug, files, *(event(n, f"user-{n % 3}", f"{1 + n % 9:02}") for n in range(30)))
        yield run_shards(["own", "pool"])


def published() -> Manifest:
    manifest = Manifest.read(home.published_root())
    assert manifest is not None
    return manifest


def versions() -> dict[str, int]:
    return {slug: publication.version for slug, publication in published().tenants.items()}


def test_a_run_publishes_every_tenant_of_its_shard(ran: list[RunResult]) -> None:
    assert [(run.shard, run.succeeded, run.error) for run in ran] == [("own", True, ""), ("pool", True, "")]
    assert versions() == {"alpha": 1, "beta": 1, "gamma": 1}
    assert not any(run.failed_checks for run in ran)


def test_a_run_by_hand_is_in_the_instance_with_row_counts_and_durations(ran: list[RunResult]) -> None:
    with open_instance() as instance:
        runs = {run.run_id: run for run in instance.get_runs()}
        assert [runs[each.run_id].tags[PARTITION_TAG] for each in ran] == ["own", "pool"]
        assert all(runs[each.run_id].status == dg.DagsterRunStatus.SUCCESS for each in ran)
        wanted = dg.AssetRecordsFilter(dg.AssetKey(["silver", "product", "events"]), asset_partitions=["pool"])
        noted = instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
        assert noted is not None
        assert noted.metadata["dagster/row_count"].value == 60
        assert noted.metadata["seconds"].value > 0


def test_a_run_without_news_publishes_nothing(ran: list[RunResult]) -> None:
    before = published().number
    again = run_shards(["pool"])
    assert again[0].succeeded
    assert published().number == before


def tick(cursor: str | None) -> dg.SensorResult:
    with open_instance() as instance:
        result = landings(dg.build_sensor_context(instance=instance, cursor=cursor))
    assert isinstance(result, dg.SensorResult)
    return result


def test_the_sensor_asks_once_for_the_shard_that_moved_and_for_no_other(ran: list[RunResult], files: Path) -> None:
    first = tick(None)
    assert not first.run_requests, "a run by hand has read everything"
    land("gamma", files, event(1000, "user-9", "10"))
    second = tick(first.cursor)
    assert [request.partition_key for request in second.run_requests or []] == ["own"]
    third = tick(second.cursor)
    assert not third.run_requests, "asked for already"
    # A setting takes effect with the next run, whatever starts it; what misses the plan is told and holds nobody.
    Catalog().set_tenant("gamma", tracking_plan={"version": 1, "events": {"Closed": {"feature": "closing"}}})
    run = run_shards(["own"])[0]
    assert run.succeeded
    assert versions() == {"alpha": 1, "beta": 1, "gamma": 2}
    ((check, words),) = run.failed_checks.items()
    assert check == "gold/fct_events: events_follow_the_tracking_plan" and "gamma 31 (file_drop 31)" in words
    assert not tick(None).run_requests, "a sensor that lost its cursor starts nothing that was done"


def test_the_daily_schedule_asks_for_every_shard_with_the_audit_of_all_history(ran: list[RunResult]) -> None:
    with open_instance() as instance:
        at = datetime(2026, 2, 1, 2, 15, tzinfo=UTC)
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=at)
        requests = list(daily(context))
    assert sorted(request.partition_key or "" for request in requests) == ["own", "pool"]
    for request in requests:
        assert request.run_config["resources"]["pipeline"]["config"] == {"full_audit": True}


def test_a_run_whose_process_is_gone_is_marked_failed_and_a_living_one_is_not(ran: list[RunResult]) -> None:
    from orchestration.definitions import defs

    with open_instance() as instance:
        made = {}
        # The highest process id that Linux gives out; nobody has it.
        for pid in (os.getpid(), 2**22):
            run = instance.create_run_for_job(
                defs.resolve_job_def("refresh"),
                status=dg.DagsterRunStatus.STARTED,
                tags={PARTITION_TAG: "own", PID_TAG: str(pid)},
            )
            made[pid] = run.run_id
        assert bury_dead_runs(instance) == 1
        states = {pid: instance.get_run_by_id(run_id).status for pid, run_id in made.items()}  # type: ignore[union-attr]
        instance.delete_run(made[os.getpid()])
    assert states == {os.getpid(): dg.DagsterRunStatus.STARTED, 2**22: dg.DagsterRunStatus.FAILURE}


LAUNCH = """mutation($p: ExecutionParams!) {launchRun(executionParams: $p) {__typename
  ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
RUN = "query($id: ID!) {runOrError(runId: $id) {... on Run {status}}}"


def ask(url: str, query: str, **variables: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"content-type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        return json.load(answer)["data"]


def test_the_services_start_run_what_the_ui_asks_for_and_stop(
    ran: list[RunResult], files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon's process is another kind of process than ours: what works by hand can fail there."""
    monkeypatch.setenv("TENURE_DAGSTER_PORT", "0")
    before = versions()["gamma"]
    land("gamma", files, event(2000, "user-10", "11"))
    try:
        url = services.up_dagster(lambda line: None)
        assert services.up_dagster(lambda line: None) == url, "starting twice starts one"
        launch = ask(
            url,
            LAUNCH,
            p={
                "selector": {
                    "repositoryName": "__repository__",
                    "repositoryLocationName": "tenure",
                    "jobName": "refresh",
                },
                "runConfigData": {},
                "mode": "default",
                "executionMetadata": {"tags": [{"key": PARTITION_TAG, "value": "own"}]},
            },
        )["launchRun"]
        assert launch["__typename"] == "LaunchRunSuccess", launch
        status, deadline = "QUEUED", time.monotonic() + 300
        while status not in ("SUCCESS", "FAILURE", "CANCELED") and time.monotonic() < deadline:
            time.sleep(1)
            status = ask(url, RUN, id=launch["run"]["runId"])["runOrError"]["status"]
        assert status == "SUCCESS"
        assert versions()["gamma"] == before + 1
    finally:
        stopped = services.stop_dagster()
    assert sorted(stopped) == ["dagster-code", "dagster-daemon", "dagster-web"]
    assert services.stop_dagster() == []


def test_the_sensor_lands_what_a_collector_took_and_asks_for_the_shards_it_went_to(
    ran: list[RunResult],
) -> None:
    cursor = tick(None).cursor
    folder = home.journal_root() / "0"
    folder.mkdir(parents=True)
    body = json.dumps({"type": "track", "event": "Opened", "userId": "user-1", "timestamp": "2026-01-11T10:00:00Z"})
    message = Message(parse_micros("2026-01-11T10:00:01Z"), "gamma", "src_1", "track", body.encode())
    # As a collector that was killed leaves it.
    (folder / "writer-00000001.open").write_bytes(frame(message.to_bytes()) + b"torn")
    result = tick(cursor)
    assert [request.partition_key for request in result.run_requests or []] == ["own"]
    assert not list(folder.glob("writer-*"))
    assert not tick(result.cursor).run_requests
