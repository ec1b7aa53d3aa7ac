"""Silver: one asset per transform, generated from the texts in `transforms/`. Nothing to register by hand."""

import dagster as dg

from orchestration.assets.bronze import NO_TABLE, VERSION
from orchestration.assets.described import key_of, spec_of
from orchestration.pipeline import SHARDS, Pipeline
from transforms.definition import Transform, transforms


def silver_assets() -> list[dg.AssetsDefinition]:
    """Every silver table, inputs first; key, dependencies and code version come from the transform."""
    return [_asset(transform) for transform in transforms().values()]


def _asset(transform: Transform) -> dg.AssetsDefinition:
    spec = spec_of(
        transform.spec,
        deps=[key_of(address) for address in transform.inputs],
        code_version=transform.definition,
        kinds={"delta", "sql"},
    )

    @dg.multi_asset(
        name=transform.spec.view,
        specs=[spec],
        partitions_def=SHARDS,
        # The engines take memory by the gigabyte: this many runs compute silver or gold at once.
        pool="engine",
    )
    def compute(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult:
        from transforms.runner import run_transform

        result = run_transform(
            transform.address,
            pipeline.lake,
            context.partition_key,
            pipeline.open_engine(),
            full_refresh=pipeline.full_refresh,
            tenants=pipeline.only_tenants(),
        )
        table = pipeline.lake.shard(context.partition_key).table(transform.spec)
        return dg.MaterializeResult(
            asset_key=spec.key,
            data_version=dg.DataVersion(str(result.version)),
            metadata={
                "rows written": result.rows,
                "slices replaced": "all" if result.slices is None else result.slices,
                "seconds": round(result.seconds, 3),
                "skipped": result.skipped,
                VERSION: NO_TABLE if result.version is None else result.version,
                "dagster/row_count": 0 if table is None else table.count(),
                "dagster/uri": pipeline.lake.shard(context.partition_key).table_uri(transform.spec),
            },
        )

    return compute
