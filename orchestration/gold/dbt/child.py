"""The dbt process of one run: parses the project, then waits on stdin for what to do (`process.py`).

A process of its own, so that a kill or a crash inside dbt is like any other, DuckDB's file lock and memory go with it,
and dbt's global state never meets Dagster's. One parse serves both commands and opens no database, so it can go on
while silver is computed; results go to stdout as JSON lines: {"event": "node", ...} while it works, {"event": "done",
...} at the end.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO


def main(args: list[str]) -> int:
    """Run models, then tests; returns 1 where dbt itself failed.

    `args`: dbt's own. One JSON line on stdin is the order: run, full_refresh, run_revenue, test, test_revenue; none:
    there is nothing to do any more.
    """
    die_with_parent()
    # dbt prints to stdout on its own in places; the parent reads JSON there.
    results, sys.stdout = sys.stdout, sys.stderr
    parsed = parse(args)
    # dbt and the parsed project live as long as the process: they are not searched for garbage again and again.
    gc.freeze()
    return work(parsed, args, sys.stdin, results)


def parse(args: list[str]) -> Any:
    """dbt's result of parsing the project; it opens no database."""
    from dbt.cli.main import dbtRunner

    return dbtRunner().invoke(["parse", *args, "--quiet"])


def work(parsed: Any, args: list[str], orders: TextIO, results: TextIO) -> int:
    """Carry out the line from `orders` with what `parse` made of the same `args`; events go to `results`."""

    def tell(event: dict[str, Any]) -> None:
        results.write(json.dumps(event, default=str) + "\n")
        results.flush()

    if not parsed.success:
        tell({"event": "done", "error": str(parsed.exception or "dbt could not parse the project"), "nodes": []})
        return 1
    line = orders.readline()
    if not line:
        return 0
    nodes, error = _carry_out(json.loads(line), parsed.result, [*args, "--quiet"], tell)
    tell({"event": "done", "error": error, "nodes": nodes})
    return 0 if error is None else 1


def _carry_out(
    order: dict[str, Any], manifest: Any, args: list[str], tell: Callable[[dict[str, Any]], None]
) -> tuple[list[dict[str, Any]], str | None]:
    """The nodes that ran, and what failed without a tenant; `tell` gets each node as it ends."""
    from dbt.cli.main import dbtRunner

    def on_event(event: Any) -> None:
        if event.info.name == "NodeFinished":
            node = event.data.node_info
            tell({"event": "node", "name": node.node_name, "status": node.node_status})

    runner = dbtRunner(manifest=manifest, callbacks=[on_event])
    nodes: list[dict[str, Any]] = []
    if order.get("run"):
        flags = ["--full-refresh"] if order.get("full_refresh") else []
        flags += [] if order.get("run_revenue", True) else ["--exclude", "tag:revenue"]
        result = runner.invoke(["run", *args, *flags])
        nodes += _nodes(result)
        if not result.success:
            return nodes, str(result.exception or "a model failed")
    if order.get("test"):
        left_out = ["test_type:unit"] + ([] if order.get("test_revenue", True) else ["tag:revenue"])
        result = runner.invoke(["test", *args, "--exclude", *left_out])
        nodes += _nodes(result)
        if result.exception is not None:
            return nodes, str(result.exception)
    return nodes, None


def die_with_parent() -> None:
    """Linux: be killed when the parent is. An orphan would hold the build database against the next run."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            raise SystemExit(1)


def _nodes(result: Any) -> list[dict[str, Any]]:
    return [_node(ran) for ran in getattr(result.result, "results", None) or []]


def _node(ran: Any) -> dict[str, Any]:
    node = ran.node
    kind = str(getattr(node, "resource_type", "operation"))
    return {
        "name": node.name,
        "kind": kind.rsplit(".", 1)[-1].lower(),
        "model": _model_of(node),
        "description": getattr(node, "description", ""),
        "status": str(ran.status),
        "failures": ran.failures or 0,
        "seconds": round(ran.execution_time, 3),
        "message": ran.message or "",
        "sql": getattr(node, "compiled_code", None) if ran.failures else None,
    }


def _model_of(node: Any) -> str | None:
    """The model a test is about: the one it is attached to, else the first it reads."""
    attached = getattr(node, "attached_node", None)
    parents = [attached] if attached else list(getattr(getattr(node, "depends_on", None), "nodes", []) or [])
    models = [parent.split(".")[-1] for parent in parents if parent and parent.startswith("model.")]
    return models[0] if models else None


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
