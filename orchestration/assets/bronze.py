"""Bronze: what has landed, as received. Landing writes these tables; a run notes what it found there."""

from collections.abc import Iterator

import dagster as dg

from orchestration.assets.described import spec_of
from orchestration.journals import land_collected
from orchestration.pipeline import SHARDS, Pipeline
from warehouse_models.spec import TableSpec
from warehouse_models.specs import all_specs

VERSION = "delta version"
NO_TABLE = -1


def bronze_specs() -> list[TableSpec]:
    """Specs of the tables that landing writes."""
    return [spec for spec in all_specs().values() if spec.layer == "bronze"]


COLLECTOR = dg.AssetSpec(
    ["sources", "collector"],
    description="Events that SDKs sent to `tenure collector serve`, and webhooks of vendors, out of its journal.",
    group_name="sources",
    kinds={"http"},
    owners=["team:data-engineering"],
)
FILE_DROP = dg.AssetSpec(
    ["sources", "file_drop"],
    description="Files that `tenure land` takes: one canonical object per file, as JSONL, CSV or Parquet.",
    group_name="sources",
    kinds={"file"},
    owners=["team:data-engineering"],
)
SOURCES = (FILE_DROP, COLLECTOR)
_BOTH = ("bronze/product/events", "bronze/quarantine", "bronze/landings")


def _sources(spec: TableSpec) -> list[dg.AssetKey]:
    """What writes a table."""
    if spec.address in _BOTH:
        return [source.key for source in SOURCES]
    return [COLLECTOR.key if spec.domain in ("collector", "webhooks") else FILE_DROP.key]


_SPECS = [spec_of(spec, deps=_sources(spec)) for spec in bronze_specs()]


@dg.multi_asset(name="bronze", specs=_SPECS, partitions_def=SHARDS, can_subset=True)
def bronze(context: dg.AssetExecutionContext, pipeline: Pipeline) -> Iterator[dg.MaterializeResult]:
    """Land what collectors took, then note version and row count of every table; version -1: nothing has landed yet."""
    land_collected(pipeline.lake, context.log)
    for spec, described in zip(bronze_specs(), _SPECS, strict=True):
        if described.key not in context.selected_asset_keys:
            continue
        table = pipeline.lake.shard(context.partition_key).table(spec)
        version = NO_TABLE if table is None else table.version()
        # Yielded for an absent table too: Dagster would skip everything behind an output that never comes.
        yield dg.MaterializeResult(
            asset_key=described.key,
            data_version=dg.DataVersion(str(version)),
            metadata={
                VERSION: version,
                "dagster/row_count": 0 if table is None else table.count(),
                "dagster/uri": pipeline.lake.shard(context.partition_key).table_uri(spec),
            },
        )
