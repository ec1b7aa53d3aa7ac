"""The border where data comes in: Great Expectations' rules over bronze, as checks of the bronze assets.

They are judged while dbt works (`run_gold`), because the verdict of a tenant counts them in; here they are shown.
"""

from collections.abc import Iterator

import dagster as dg

from orchestration.assets.described import key_of
from orchestration.assets.gold import check_result, model_key
from orchestration.audit.rules import bronze_rules
from orchestration.pipeline import Pipeline
from orchestration.services.instance import PARTITION_TAG


def bronze_checks() -> dg.AssetChecksDefinition:
    """One check for every rule of every bronze table that a source fills."""
    specs = {
        rule.check: dg.AssetCheckSpec(
            rule.check,
            asset=key_of(rule.about),
            description=f"Fails when: {rule.words}.",
            # Behind gold, so that what the gold step judged is there to be shown.
            additional_deps=[model_key("trust")],
        )
        for rule in bronze_rules()
    }

    @dg.multi_asset_check(name="bronze_in", specs=list(specs.values()), can_subset=True)
    def bronze_in(context: dg.AssetCheckExecutionContext, pipeline: Pipeline) -> Iterator[dg.AssetCheckResult]:
        """Show what the gold step of this run judged; run alone, judge every landed row of the shard."""
        shard = context.run.tags[PARTITION_TAG]
        if pipeline.gold is not None:
            checks = pipeline.gold.checks
        else:
            from orchestration.audit import suites
            from warehouse_models.catalog.tenants import Catalog

            tenants = Catalog(pipeline.lake).tenants(shard)
            checks = suites.bronze_in(pipeline.lake, shard, {tenant.tenant_id: None for tenant in tenants})
        for check in checks:
            spec = specs.get(check.name)
            if spec is not None and spec.key in context.selected_asset_check_keys:
                yield check_result(spec.key, check.failing, check.words)

    return bronze_in
