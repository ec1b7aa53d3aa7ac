"""When runs start by themselves: after a landing (at most every two minutes), in full once a day; upkeep at night.

A landing is one of files, or of what collectors took, which the sensor lands itself.
"""

import hashlib
import json
from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from orchestration.assets.bronze import NO_TABLE, VERSION, bronze_specs
from orchestration.assets.described import key_of
from orchestration.journals import land_collected
from orchestration.pipeline import SHARDS
from warehouse_models.spec import TableSpec

SENSOR_SECONDS = 120
# Of the minute that Dagster gives a tick; what a collector took beyond it waits for the next.
LANDING_SECONDS = 30
DAILY_CRON = "15 2 * * *"  # UTC; days end at midnight UTC, and late events of the day have had two hours to arrive.
NIGHTLY_CRON = "45 3 * * *"  # UTC; after the daily run, whose lock it would wait for.

Versions = dict[str, int]


def refresh_job() -> UnresolvedAssetJobDefinition:
    """Everything of one shard, in order: bronze, silver, gold, audit, publish."""
    return dg.define_asset_job(
        "refresh",
        selection=dg.AssetSelection.all() - dg.AssetSelection.groups("dashboards"),
        partitions_def=SHARDS,
        description="Everything new of one shard, in order: bronze, silver, gold, audit, publish.",
        tags={"tenure/job": "refresh"},
    )


def dashboards_job() -> UnresolvedAssetJobDefinition:
    """Push the dashboards to Superset."""
    return dg.define_asset_job(
        "push_dashboards",
        selection=dg.AssetSelection.groups("dashboards"),
        description="Bundle the dashboard files, validate them and push them to Superset.",
    )


@dg.op(description="Merge small files; delete those that no kept publication and no next run reads.")
def maintain(context: dg.OpExecutionContext) -> None:
    """Upkeep of the run's shard; takes the run's lock itself, so it needs no `pipeline`."""
    from orchestration.maintenance import maintain as upkeep
    from warehouse_models.lake.lake import Lake

    done = upkeep(Lake(), context.partition_key, on_wait=context.log.info)
    for table in done:
        if table.merged or table.deleted:
            context.log.info(f"{table.address}: {table.merged} files into {table.into}, {table.deleted} deleted")
    context.add_output_metadata(
        {
            "tables": len(done),
            "files merged": sum(table.merged for table in done),
            "files deleted": sum(table.deleted for table in done),
            "files now": sum(table.files for table in done),
        }
    )


@dg.job(
    name="maintenance",
    partitions_def=SHARDS,
    description="Upkeep of one shard's tables: compaction and vacuum. Changes no row and no kept publication.",
)
def maintenance_job() -> None:
    """One op: `maintain`."""
    maintain()


@dg.sensor(
    job_name="refresh",
    minimum_interval_seconds=SENSOR_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a small run of every shard whose bronze tables moved since the last run or request.",
)
def landings(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Land what collectors took; compare bronze's Delta versions with those the last run read, and those asked for."""
    from warehouse_models.catalog.tenants import Catalog
    from warehouse_models.lake.lake import Lake

    lake = Lake()
    land_collected(lake, context.log, most_seconds=LANDING_SECONDS)
    asked: dict[str, Versions] = json.loads(context.cursor or "{}")
    shards = [shard.name for shard in Catalog(lake).shards()]
    requests = []
    for shard in shards:
        versions = _landed(lake, shard)
        if versions and versions not in (asked.get(shard), _read_by_last_run(context.instance, shard)):
            requests.append(dg.RunRequest(run_key=_run_key(shard, versions), partition_key=shard))
        asked[shard] = versions
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else "nothing landed since the last run",
        cursor=json.dumps(asked, sort_keys=True),
        dynamic_partitions_requests=[SHARDS.build_add_request(shards)],
    )


@dg.schedule(
    job_name="refresh",
    cron_schedule=DAILY_CRON,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a day every shard, with the audit over all of its history.",
)
def daily(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """One run a shard, with the full audit."""
    from warehouse_models.catalog.tenants import Catalog

    day = context.scheduled_execution_time.date()
    for shard in sync_shards(context.instance, [shard.name for shard in Catalog().shards()]):
        yield dg.RunRequest(
            run_key=f"{day}:{shard}",
            partition_key=shard,
            run_config={"resources": {"pipeline": {"config": {"full_audit": True}}}},
            tags={"tenure/audit": "full"},
        )


@dg.schedule(
    job_name="maintenance",
    cron_schedule=NIGHTLY_CRON,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a night the upkeep of every shard's tables.",
)
def nightly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """One upkeep a shard."""
    from warehouse_models.catalog.tenants import Catalog

    day = context.scheduled_execution_time.date()
    for shard in sync_shards(context.instance, [shard.name for shard in Catalog().shards()]):
        yield dg.RunRequest(run_key=f"maintenance:{day}:{shard}", partition_key=shard)


def sync_shards(instance: dg.DagsterInstance, shards: list[str]) -> list[str]:
    """Make the catalog's shards known to Dagster as partitions; returns them."""
    partitions = set(instance.get_dynamic_partitions("shards"))
    if missing := [shard for shard in shards if shard not in partitions]:
        instance.add_dynamic_partitions("shards", missing)
    return shards


def _watched() -> list[TableSpec]:
    """Bronze that a transform reads: what no one does (quarantine, deliveries of webhooks) is no reason for a run."""
    from transforms.definition import transforms

    read = {address for transform in transforms().values() for address in transform.inputs}
    return [spec for spec in bronze_specs() if spec.address in read]


def _landed(lake: object, shard: str) -> Versions:
    from warehouse_models.lake.lake import Lake

    assert isinstance(lake, Lake)
    versions = {spec.address: lake.shard(shard).version(spec) for spec in _watched()}
    return {address: version for address, version in versions.items() if version is not None}


def _read_by_last_run(instance: dg.DagsterInstance, shard: str) -> Versions:
    """Delta versions of bronze that the shard's latest run noted, whoever started it (the schedule, a person, us)."""
    versions: Versions = {}
    for spec in _watched():
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key_of(spec.address), asset_partitions=[shard]), limit=1
        ).records
        noted = records[0].asset_materialization if records else None
        value = noted.metadata[VERSION].value if noted else NO_TABLE
        if isinstance(value, int) and value != NO_TABLE:
            versions[spec.address] = value
    return versions


def _run_key(shard: str, versions: Versions) -> str:
    return f"{shard}:{hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:16]}"
