"""The code location: what it holds, and that it loads where nothing is set and nobody answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT = Path(__file__).with_name("definitions_snapshot.json")

LOAD_WITHOUT_NETWORK = """
import socket
def refuse(*_, **__): raise OSError("the network is off")
socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
import dagster
from orchestration.definitions import defs

dagster.Definitions.validate_loadable(defs)
print(len(defs.resolve_asset_graph().get_all_asset_keys()))
"""


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """Everything that a reader of the lineage or an operator relies on, as plain values."""
    from orchestration.definitions import defs

    graph = defs.resolve_asset_graph()
    assets = {
        node.key.to_user_string(): {
            "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "owners": sorted(node.owners),
            "partitions": node.partitions_def.name if node.partitions_def else None,
            "pools": sorted(node.pools or []),
            "fresh": type(node.freshness_policy).__name__ if node.freshness_policy else None,
        }
        for node in graph.asset_nodes
    }
    checks: dict[str, list[str]] = {}
    for key in graph.asset_check_keys:
        checks.setdefault(key.asset_key.to_user_string(), []).append(key.name)
    jobs = {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
        for job in (defs.resolve_job_def(name) for name in ("refresh", "push_dashboards"))
    }
    repository = defs.get_repository_def()
    return {
        "assets": dict(sorted(assets.items())),
        "checks": {key: sorted(names) for key, names in sorted(checks.items())},
        "jobs": jobs,
        "schedules": {each.name: [each.cron_schedule, each.job_name] for each in repository.schedule_defs},
        "sensors": {each.name: [each.minimum_interval_seconds, each.job_name] for each in repository.sensor_defs},
    }


def test_the_definitions_are_those_of_the_snapshot(seen: dict[str, Any]) -> None:
    """A changed key, dependency, check, job or cron is a decision: TENURE_UPDATE_SNAPSHOT=1 writes it down."""
    if os.environ.get("TENURE_UPDATE_SNAPSHOT") == "1":
        SNAPSHOT.write_text(json.dumps(seen, indent=1, sort_keys=True) + "\n")
    assert json.loads(SNAPSHOT.read_text()) == seen


def test_the_location_loads_with_an_empty_environment_and_no_network(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", LOAD_WITHOUT_NETWORK],
        env={},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    assert int(process.stdout) > 40


def test_an_asset_key_is_the_address_of_its_table(seen: dict[str, Any]) -> None:
    from warehouse_models.dbt.marts import marts
    from warehouse_models.specs import all_specs

    addresses = {*all_specs(), *(f"gold/{name}" for name in marts())}
    assert addresses <= set(seen["assets"])


def test_the_lineage_runs_unbroken_from_the_file_drop_to_the_dashboard(seen: dict[str, Any]) -> None:
    reached, waiting = set(), ["dashboards/product_adoption"]
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += seen["assets"][key]["deps"]
    layers = {key.split("/")[0] for key in reached}
    assert layers == {"sources", "bronze", "silver", "gold", "published", "dashboards"}
    assert "sources/file_drop" in reached


def test_every_asset_says_what_it_is_and_whose() -> None:
    from orchestration.definitions import defs

    for node in defs.resolve_asset_graph().asset_nodes:
        assert node.description, node.key
        assert node.owners, node.key


def test_every_table_with_rows_of_tenants_is_a_partition_of_a_shard(seen: dict[str, Any]) -> None:
    for key, asset in seen["assets"].items():
        sharded = key.split("/")[0] in ("bronze", "silver", "gold", "published")
        assert asset["partitions"] == ("shards" if sharded else None), key


def test_every_test_of_dbt_and_every_rule_of_the_borders_is_a_check(seen: dict[str, Any]) -> None:
    from orchestration.audit.rules import bronze_rules, gold_rules
    from orchestration.gold.dbt.manifest import manifest

    shown = {name for names in seen["checks"].values() for name in names}
    tests = {node["name"] for node in manifest()["nodes"].values() if node["resource_type"] == "test"}
    assert tests <= shown
    assert {rule.check for rule in [*bronze_rules(), *gold_rules()]} <= shown
