"""Published: the files that people read. Green tenants move, a red one keeps its last publication and says why."""

from datetime import timedelta
from typing import Any

import dagster as dg

from orchestration.assets.gold import check_result, model_key
from orchestration.gold.build import run_gold
from orchestration.gold.dbt.manifest import manifest as dbt_manifest
from orchestration.pipeline import SHARDS, Pipeline
from orchestration.publish.publish import publish

KEY = dg.AssetKey(["published", "manifest"])
HELD = dg.AssetCheckSpec(
    "no_tenant_is_held_back",
    asset=KEY,
    description="Every tenant's newest audited figures are published. Names the tenants whose last publication stands.",
)


def published_assets() -> dg.AssetsDefinition:
    """`published/manifest`: one small file that names, for each tenant, the file and the versions it is served from."""
    marts = [
        model_key(node["name"])
        for node in dbt_manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] == "marts"
    ]

    @dg.multi_asset(
        name="publish",
        specs=[
            dg.AssetSpec(
                KEY,
                deps=marts,
                description="Gold Delta, one read-only DuckDB file a tenant, and the manifest that names them, swapped "
                "atomically. A tenant whose data failed a check keeps its last publication.",
                group_name="published",
                owners=["team:data-engineering"],
                kinds={"duckdb", "delta"},
                freshness_policy=dg.FreshnessPolicy.time_window(
                    fail_window=timedelta(hours=26), warn_window=timedelta(hours=25)
                ),
            )
        ],
        check_specs=[HELD],
        partitions_def=SHARDS,
        # The manifest is one file for all shards: publications queue up rather than wait inside a run.
        pool="manifest",
    )
    def publish_shard(context: dg.AssetExecutionContext, pipeline: Pipeline) -> dg.MaterializeResult:
        from warehouse_models import home
        from warehouse_models.published.manifest import Manifest

        shard = context.partition_key
        # Materialised alone, without the gold step before it, it asks for the verdicts of what waits to be published.
        gold = pipeline.gold or run_gold(pipeline.lake, shard, full_audit=pipeline.full_audit)
        result = publish(pipeline.lake, shard, gold.verdicts)
        now = Manifest.read(home.published_root())
        publications = now.of_shard(shard) if now else {}
        held = {slug: publication.held_reason for slug, publication in publications.items() if publication.is_held}
        metadata: dict[str, Any] = {
            "manifest": result.manifest,
            "published": [f"{slug} v{version}" for slug, version in sorted(result.published.items())],
            "held": [f"{slug}: {reason}" for slug, reason in sorted(held.items())],
            "tenants": len(publications),
            "seconds": round(sum(result.seconds.values()), 3),
            "dagster/uri": str(home.published_root()),
        }
        reasons = "; ".join(f"{slug}: {reason}" for slug, reason in sorted(held.items()))
        check = check_result(HELD.key, dict.fromkeys(held, 0), f"Held back: {reasons}" if held else "")
        return dg.MaterializeResult(
            asset_key=KEY,
            data_version=dg.DataVersion(str(result.manifest)),
            metadata=metadata,
            check_results=[check],
        )

    return publish_shard
