"""The root of the Dagster code location: loads with an empty environment and without the network.

sources ─▶ bronze ─▶ silver ─▶ gold ─▶ published ─▶ dashboards          (groups; a partition is a shard)
"""

from __future__ import annotations

import dagster as dg

from orchestration.assets.border import bronze_checks
from orchestration.assets.bronze import SOURCES, bronze
from orchestration.assets.dashboards import dashboard_assets
from orchestration.assets.gold import gold_assets
from orchestration.assets.published import published_assets
from orchestration.assets.silver import silver_assets
from orchestration.pipeline import Pipeline
from orchestration.schedules import daily, dashboards_job, landings, maintenance_job, nightly, refresh_job

defs = dg.Definitions(
    assets=[*SOURCES, bronze, *silver_assets(), gold_assets(), published_assets(), dashboard_assets()],
    asset_checks=[bronze_checks()],
    jobs=[refresh_job(), dashboards_job(), maintenance_job],
    sensors=[landings],
    schedules=[daily, nightly],
    resources={"pipeline": Pipeline()},
    # One process a run: the steps share the lake, the engine and the shard's lock, and starting up costs seconds once.
    executor=dg.in_process_executor,
)
