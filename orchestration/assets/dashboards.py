"""Dashboards: the end of the lineage. A dashboard is files; materialising it pushes them to Superset.

Not part of a shard's run: Superset reads the manifest at each query, so new figures need no push. New files do.
"""

from typing import Any

import dagster as dg

from orchestration.assets.gold import model_key
from orchestration.assets.published import KEY as MANIFEST
from orchestration.gold.dbt.manifest import manifest
from orchestration.services import services

GROUP = "dashboards"


def dashboard_assets() -> dg.AssetsDefinition:
    """One asset for each dashboard that dbt knows as an exposure; they are pushed together."""
    specs = [_spec(exposure) for exposure in manifest()["exposures"].values() if exposure["type"] == "dashboard"]

    @dg.multi_asset(name="superset", specs=specs)
    def push_dashboards(context: dg.AssetExecutionContext) -> Any:
        """Validate the dashboard files, push them, and check that Superset holds what they say."""
        from dashboards import administration
        from warehouse_models import home

        administration.push(home.home(), tell=context.log.info)
        url = services.address(services.SUPERSET)
        for spec in specs:
            where = f"{url}/superset/dashboard/{spec.key.path[-1].replace('_', '-')}/" if url else "stopped"
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"superset": where})

    return push_dashboards


def _spec(exposure: dict[str, Any]) -> dg.AssetSpec:
    marts = [model_key(up.split(".")[-1]) for up in exposure["depends_on"]["nodes"] if up.startswith("model.")]
    return dg.AssetSpec(
        ["dashboards", exposure["name"]],
        deps=[MANIFEST, *sorted(marts, key=lambda key: list(key.path))],
        description=exposure["description"] or f"Dashboard {exposure['name']}.",
        group_name=GROUP,
        owners=["team:data-engineering"],
        kinds={"superset"},
    )
