"""`tenure run`: the assets of a shard, materialised through Dagster in this process, with progress.

The run is recorded in the instance of this TENURE_HOME, so the Dagster UI shows it like one of its own.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestration.publish.held import HeldTenant, held_tenants
from orchestration.services.instance import LOCATION, PARTITION_TAG, bury_dead_runs, open_instance
from warehouse_models import home
from warehouse_models.lake import storage
from warehouse_models.published import replica

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, JobDefinition


@dataclass(frozen=True)
class Progress:
    """What just happened: `kind` is step, check, log or failure; `seconds` of a finished step, else None."""

    kind: str
    shard: str
    name: str
    text: str = ""
    seconds: float | None = None
    passed: bool = True


@dataclass
class RunResult:
    """A finished run of one shard. `failed_checks` names the checks that did not pass, with what they said.

    `held`: the shard's tenants whose newest figures are held back after it.
    """

    shard: str
    run_id: str
    succeeded: bool
    seconds: float
    steps: dict[str, float] = field(default_factory=dict)
    failed_checks: dict[str, str] = field(default_factory=dict)
    error: str = ""
    published: dict[str, Any] = field(default_factory=dict)
    held: list[HeldTenant] = field(default_factory=list)


def run_shards(
    shards: Sequence[str],
    *,
    engine: str = "",
    full_refresh: bool = False,
    tenants: Sequence[str] = (),
    full_audit: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[RunResult]:
    """Run the refresh job for each shard, one after the other (each uses all cores); results in the same order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from orchestration.definitions import defs
        from orchestration.schedules import sync_shards

        job = defs.resolve_job_def("refresh")
    # Dagster prints every event; what a person wants to see comes through on_progress.
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    tell = on_progress or (lambda progress: None)
    settings = {
        "engine": engine,
        "full_refresh": full_refresh,
        "tenants": list(tenants),
        "full_audit": full_audit,
    }
    with open_instance() as instance:
        bury_dead_runs(instance)
        sync_shards(instance, list(shards))
        return [_run(instance, job, shard, settings, tell) for shard in shards]


def _run(
    instance: DagsterInstance,
    job: JobDefinition,
    shard: str,
    settings: dict[str, Any],
    tell: Callable[[Progress], None],
) -> RunResult:
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import execute_run_iterator

    started = time.monotonic()
    run = instance.create_run_for_job(
        job,
        run_config={"resources": {"pipeline": {"config": settings}}, "loggers": {"console": {"config": QUIET}}},
        tags={
            PARTITION_TAG: shard,
            # With these two the UI files the run under our code location although no daemon launched it.
            ".dagster/repository": f"__repository__@{LOCATION}",
            "tenure/started_by": "tenure run",
        },
    )
    result = RunResult(shard, run.run_id, succeeded=False, seconds=0.0)
    for event in execute_run_iterator(InMemoryJob(job), run, instance):
        _note(event, result, tell)
    result.seconds = time.monotonic() - started
    result.held = held_tenants(replica.present(home.published_root())[0], shard)
    return result


QUIET = {"log_level": "CRITICAL"}


def _note(event: DagsterEvent, result: RunResult, tell: Callable[[Progress], None]) -> None:
    name = event.step_key or ""
    if event.is_step_success:
        seconds = event.step_success_data.duration_ms / 1000
        result.steps[name] = seconds
        tell(Progress("step", result.shard, name, seconds=seconds))
    elif event.is_step_failure:
        result.error = _reason(event)
        tell(Progress("failure", result.shard, name, result.error, passed=False))
    elif event.event_type_value == "ASSET_CHECK_EVALUATION":
        check = event.asset_check_evaluation_data
        if not check.passed:
            label = f"{check.asset_key.to_user_string()}: {check.check_name}"
            result.failed_checks[label] = check.description or ""
            tell(Progress("check", result.shard, label, check.description or "", passed=False))
    elif event.event_type_value == "ASSET_MATERIALIZATION" and event.asset_key is not None:
        if event.asset_key.path == ["published", "manifest"]:
            metadata = event.step_materialization_data.materialization.metadata
            result.published = {key: value.value for key, value in metadata.items()}
    elif event.is_job_success:
        result.succeeded = True
    elif event.is_job_failure and not result.error:
        data = event.job_failure_data
        result.error = data.error.message if data.error else (event.message or "the run failed")


def _reason(event: DagsterEvent) -> str:
    """The cause behind Dagster's wrapping, in one line or a few."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    text = error.message.strip() if error else (event.message or "the step failed")
    explained = storage.explained(RuntimeError(text), home.lake_root())
    return f"{explained}" if explained else text
