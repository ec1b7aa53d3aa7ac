"""The Dagster instance of this TENURE_HOME: runs, events and schedules in SQLite under `<home>/dagster`.

`dagster.yaml` and `workspace.yaml` there are written by us at each use, so that an upgrade of Tenure reaches them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from orchestration.services.processes import is_alive
from warehouse_models import home
from warehouse_models.files import write_atomically

if TYPE_CHECKING:
    from dagster import DagsterInstance

LOCATION = "tenure"
PID_TAG = "tenure/pid"
PARTITION_TAG = "dagster/partition"

# A shard is a partition, and two runs never work on one shard: the queue holds the second one back. The file lock of
# `locks.py` says the same to runs that no queue sees (`tenure run`).
SETTINGS: dict[str, Any] = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    "concurrency": {
        "runs": {
            "max_concurrent_runs": 4,
            "tag_concurrency_limits": [
                {"key": PARTITION_TAG, "value": {"applyLimitPerUniqueValue": True}, "limit": 1},
            ],
        },
        # Granularity "run": a killed run leaves no claimed slot behind.
        "pools": {"granularity": "run", "default_limit": 2},
    },
    "freshness": {"enabled": True},
    # A run whose process was lost is tried once more; a step that failed would only fail again.
    "run_retries": {"enabled": True, "max_retries": 1, "retry_on_asset_or_op_failure": False},
    "retention": {
        "sensor": {"purge_after_days": {"skipped": 3, "failure": 30, "success": 30}},
        "schedule": {"purge_after_days": 90},
    },
}


def dagster_home() -> Path:
    """DAGSTER_HOME of this TENURE_HOME, with a current `dagster.yaml`; created on demand."""
    path = home.home() / "dagster"
    path.mkdir(parents=True, exist_ok=True)
    _write(path / "dagster.yaml", SETTINGS)
    return path


def write_workspace(port: int) -> Path:
    """Workspace file that points the webserver and the daemon at one shared code server on `port` of 127.0.0.1."""
    server = {"host": "127.0.0.1", "port": port, "location_name": LOCATION}
    path = dagster_home() / "workspace.yaml"
    _write(path, {"load_from": [{"grpc_server": server}]})
    return path


def environment() -> dict[str, str]:
    """Environment of a Dagster process of this home: the caller's, absolute homes, this interpreter first on PATH."""
    own = os.environ.copy()
    own.update(
        TENURE_HOME=str(home.home()),
        DAGSTER_HOME=str(dagster_home()),
        DAGSTER_DISABLE_TELEMETRY="1",
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{own.get('PATH', '')}",
        PYTHONUNBUFFERED="1",
    )
    return own


def open_instance() -> DagsterInstance:
    """The instance for a run in this process.

    Without Dagster's capture of stdout and stderr: it would redirect the progress that the user is watching; what the
    assets report goes to the event log all the same.
    """
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    capture = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(dagster_home()), overrides={"compute_logs": capture}))


def bury_dead_runs(instance: DagsterInstance, *, services_stopped: bool = False) -> int:
    """Mark runs as failed whose process is gone, so that they hold no shard back; returns how many.

    A run notes its process in a tag once it holds its shard. `services_stopped`: nothing is there that could start a
    run, so one without a process is dead too.
    """
    from dagster import DagsterRunStatus, RunsFilter

    unfinished = [DagsterRunStatus.STARTED, DagsterRunStatus.STARTING]
    buried = 0
    for run in instance.get_runs(RunsFilter(statuses=unfinished)):
        pid = run.tags.get(PID_TAG)
        if (pid is None and services_stopped) or (pid is not None and not is_alive(int(pid))):
            instance.report_run_failed(run, "The process of this run is gone: it was killed or the machine stopped.")
            buried += 1
    return buried


def _write(path: Path, value: dict[str, Any]) -> None:
    text = "# Written by tenure; changes here are overwritten.\n" + yaml.safe_dump(value, sort_keys=False)
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text)
