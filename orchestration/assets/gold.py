"""Gold: every dbt model as an asset, every dbt test as a check of its model, all read from dbt's own manifest.

One step builds them: dbt has one build database a shard, and it knows its order. A check never fails for a shard as a
whole; it names the tenants of its failing rows, and `published/manifest` holds those tenants back and nobody else.
"""

from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from orchestration.assets.described import key_of
from orchestration.audit.plan_misses import CHECK, WORDS, sentence
from orchestration.audit.rules import gold_rules
from orchestration.gold.build import run_gold
from orchestration.gold.dbt.manifest import manifest
from orchestration.gold.result import GoldResult
from orchestration.pipeline import SHARDS, Pipeline
from orchestration.publish.publish import publish

OWNER = "data-engineering"
# A test over silver alone has no model; the statement of trust is what it speaks for.
ABOUT_ALL = "trust"


def model_key(name: str) -> dg.AssetKey:
    """`dim_accounts` -> gold/dim_accounts; staging and intermediate models stand one level deeper."""
    folder = _models()[name]["fqn"][1]
    return dg.AssetKey(["gold", name] if folder == "marts" else ["gold", folder, name])


def gold_assets() -> dg.AssetsDefinition:
    """All models of the dbt project as one multi-asset of a shard."""
    specs = [_spec(model) for model in _models().values()]
    checks = {check.name: check for check in _check_specs()}

    @dg.multi_asset(
        name="gold",
        specs=specs,
        check_specs=list(checks.values()),
        partitions_def=SHARDS,
        can_subset=True,
        pool="engine",
    )
    def gold(
        context: dg.AssetExecutionContext, pipeline: Pipeline
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        """Run dbt on what silver changed, test it, give a verdict per tenant."""
        shard = context.partition_key
        result = run_gold(
            pipeline.lake,
            shard,
            full_refresh=pipeline.full_refresh,
            tenants=pipeline.only_tenants(),
            on_event=lambda event: context.log.debug(str(event)),
            full_audit=pipeline.full_audit,
            dbt=pipeline.take_dbt(),
        )
        pipeline.hand_over(result)
        for check in result.checks:
            check_spec = checks.get(check.name)
            if check_spec and check_spec.key in context.selected_asset_check_keys:
                yield check_result(check_spec.key, check.failing, check.words)
        plan = checks[CHECK].key
        if not result.skipped and result.error is None and plan in context.selected_asset_check_keys:
            yield _plan_result(plan, result)
        if result.error is not None:
            # A failure that names no tenant holds the whole shard, and `trust` says so before the run ends.
            publish(pipeline.lake, shard, result.verdicts)
            raise dg.Failure(f"gold of shard {shard}: {result.error}", allow_retries=False)
        for spec in specs:
            if spec.key in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=spec.key, metadata=_metadata(spec.key.path[-1], result))

    return gold


def check_result(key: dg.AssetCheckKey, failing: Any, words: str) -> dg.AssetCheckResult:
    """A check's outcome; `failing` maps tenant -> failing rows and is empty where it passed."""
    tenants = ", ".join(f"{tenant} ({rows:,})" for tenant, rows in sorted(failing.items()))
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not failing,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{words}. Tenants (rows): {tenants}" if failing else None,
        metadata={"failing tenants": sorted(failing), "failing rows": sum(failing.values())},
    )


def _plan_result(key: dg.AssetCheckKey, result: GoldResult) -> dg.AssetCheckResult:
    """Who misses the tracking plan: a warning that holds nobody."""
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not result.plan_misses,
        severity=dg.AssetCheckSeverity.WARN,
        description=sentence(result.plan_misses) if result.plan_misses else None,
        metadata={"events by tenant and source": result.plan_misses},
    )


def _models() -> dict[str, dict[str, Any]]:
    """Models by name, what is read before what reads it: Dagster wants results in that order."""
    nodes = manifest()["nodes"]
    models = {unique_id: node for unique_id, node in nodes.items() if node["resource_type"] == "model"}
    graph = {
        unique_id: [up for up in node["depends_on"]["nodes"] if up in models] for unique_id, node in models.items()
    }
    return {models[unique_id]["name"]: models[unique_id] for unique_id in TopologicalSorter(graph).static_order()}


def _spec(model: dict[str, Any]) -> dg.AssetSpec:
    key, folder = model_key(model["name"]), model["fqn"][1]
    columns = [
        dg.TableColumn(column["name"], column.get("data_type") or "?", column.get("description") or None)
        for column in model["columns"].values()
    ]
    meta = model["config"].get("meta") or {}
    return dg.AssetSpec(
        key,
        deps=_deps(model),
        description=model["description"] or f"{folder.capitalize()} model `{model['name']}`.",
        group_name="gold" if folder == "marts" else f"gold_{folder}",
        owners=[f"team:{meta.get('owner', OWNER)}"],
        kinds={"dbt", "duckdb"},
        code_version=model["checksum"]["checksum"][:16],
        metadata={
            **({"dagster/column_schema": dg.TableSchema(columns)} if columns else {}),
            "materialized": model["config"]["materialized"],
            "file": f"dbt_project/{model['original_file_path']}",
        },
    )


def _deps(model: dict[str, Any]) -> list[dg.AssetKey]:
    """Models and silver tables it reads. The control schema is no table of ours: run_gold prepares it for each run."""
    keys = set()
    for unique_id in model["depends_on"]["nodes"]:
        kind, _, *rest = unique_id.split(".")
        if kind == "model":
            keys.add(model_key(rest[-1]))
        elif kind == "source" and rest[0].startswith("silver_"):
            keys.add(key_of(f"silver/{rest[0].removeprefix('silver_')}/{rest[1]}"))
    return sorted(keys, key=lambda key: list(key.path))


def _check_specs() -> Iterator[dg.AssetCheckSpec]:
    """dbt's tests and Great Expectations' rules over the marts."""
    yield dg.AssetCheckSpec(
        CHECK, asset=model_key("fct_events"), description=f"Warns of: {WORDS[0].lower()}{WORDS[1:]}."
    )
    for rule in gold_rules():
        yield dg.AssetCheckSpec(rule.check, asset=key_of(rule.about), description=f"Fails when: {rule.words}.")
    for node in manifest()["nodes"].values():
        if node["resource_type"] != "test":
            continue
        parents = [node.get("attached_node"), *node["depends_on"]["nodes"]]
        about = next((parent.split(".")[-1] for parent in parents if parent and parent.startswith("model.")), ABOUT_ALL)
        yield dg.AssetCheckSpec(
            node["name"],
            asset=model_key(about),
            description=node["description"] or node["name"].replace("_", " "),
            metadata={"file": f"dbt_project/{node['original_file_path']}"},
        )


def _metadata(name: str, result: GoldResult) -> dict[str, Any]:
    if result.skipped:
        return {"skipped": True, "tenants": 0}
    built = next((model for model in result.models if model.name == name), None)
    metadata: dict[str, Any] = {"skipped": built is None, "tenants": len(result.tenants), "full": result.full}
    if built is not None:
        metadata |= {"seconds": round(built.seconds, 3), "status": built.status}
        if built.rows is not None:
            metadata["dagster/row_count"] = built.rows
    return metadata
