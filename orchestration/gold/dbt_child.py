"""The dbt process of one run: parses the project, then waits on stdin for what to do (`dbt_process.py`).

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
from typing import Any, TextIO


def main(args: list[str]) -> int:
    """Run models, then tests; returns 1 where dbt itself failed.

    `args`: dbt's own. One JSON line on stdin says what is wanted: run, full_refresh, run_revenue, test, test_revenue;
    none: nothing any more.
    """
    die_with_parent()
    # dbt prints to stdout on its own in places; the parent reads JSON there.
    told, sys.stdout = sys.stdout, sys.stderr
    parsed = parse(args)
    # dbt and the parsed project live as long as the process: they are not searched for garbage again and again.
    gc.freeze()
    return work(parsed, args, sys.stdin, told)


def parse(args: list[str]) -> Any:
    """dbt's result of parsing the project; it opens no database."""
    from dbt.cli.main import dbtRunner

    return dbtRunner().invoke(["parse", *args, "--quiet"])


def work(parsed: Any, args: list[str], source: TextIO, told: TextIO) -> int:
    """Do what the line from `source` wants with what `parse` made of the same `args`; results go to `told`."""
    from dbt.cli.main import dbtRunner

    def tell(line: dict[str, Any]) -> None:
        told.write(json.dumps(line, default=str) + "\n")
        told.flush()

    def on_event(event: Any) -> None:
        if event.info.name == "NodeFinished":
            node = event.data.node_info
            tell({"event": "node", "name": node.node_name, "status": node.node_status})

    common = [*args, "--quiet"]
    if not parsed.success:
        tell({"event": "done", "error": str(parsed.exception or "dbt could not parse the project"), "nodes": []})
        return 1
    line = source.readline()
    if not line:
        return 0
    wanted: dict[str, Any] = json.loads(line)
    manifest: Any = parsed.result
    runner = dbtRunner(manifest=manifest, callbacks=[on_event])
    nodes: list[dict[str, Any]] = []
    error = None
    if wanted.get("run"):
        flags = ["--full-refresh"] if wanted.get("full_refresh") else []
        flags += [] if wanted.get("run_revenue", True) else ["--exclude", "tag:revenue"]
        result = runner.invoke(["run", *common, *flags])
        nodes += _nodes(result)
        if not result.success:
            error = str(result.exception or "a model failed")
    if wanted.get("test") and error is None:
        left_out = ["test_type:unit"] + ([] if wanted.get("test_revenue", True) else ["tag:revenue"])
        result = runner.invoke(["test", *common, "--exclude", *left_out])
        nodes += _nodes(result)
        if result.exception is not None:
            error = str(result.exception)
    tell({"event": "done", "error": error, "nodes": nodes})
    return 0 if error is None else 1


def die_with_parent() -> None:
    """Linux: be killed when the parent is. An orphan would hold the build database against the next run."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            raise SystemExit(1)


def _nodes(result: Any) -> list[dict[str, Any]]:
    found = []
    for item in getattr(result.result, "results", None) or []:
        node = item.node
        kind = str(getattr(node, "resource_type", "operation"))
        found.append(
            {
                "name": node.name,
                "kind": kind.rsplit(".", 1)[-1].lower(),
                "model": _model_of(node),
                "description": getattr(node, "description", ""),
                "status": str(item.status),
                "failures": item.failures or 0,
                "seconds": round(item.execution_time, 3),
                "message": item.message or "",
                "sql": getattr(node, "compiled_code", None) if item.failures else None,
            }
        )
    return found


def _model_of(node: Any) -> str | None:
    """The model a test is about: the one it is attached to, else the first it reads."""
    attached = getattr(node, "attached_node", None)
    parents = [attached] if attached else list(getattr(getattr(node, "depends_on", None), "nodes", []) or [])
    models = [parent.split(".")[-1] for parent in parents if parent and parent.startswith("model.")]
    return models[0] if models else None


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
