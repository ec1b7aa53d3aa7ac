"""The OpenAPI document says what the application does: its routes, and what a running one replies to any request."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.collector.app import ROUTES
from connectors.collector.http.protocol import CALLS
from tests.support.worlds.collector import ROOT, World

DOCUMENT = ROOT / "docs" / "collector" / "openapi.yaml"
# Not negative_data_rejection: a batch with a bad event is taken on purpose, and the event is quarantined.
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance", "unsupported_method", "positive_data_acceptance"),
)


def document() -> dict[str, Any]:
    return yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))


def test_the_document_and_the_application_have_the_same_paths_and_methods() -> None:
    served = set()
    for route in ROUTES:
        path = re.sub(r"(?<=.)/$", "", route.path)
        paths = [path.replace("{call}", call) for call in CALLS] if "{call}" in path else [path]
        # HEAD goes with GET, as HTTP has it.
        served |= {(each, method) for each in paths for method in (route.methods or set()) - {"HEAD"}}
    documented = {
        (path, method.upper())
        for path, item in document()["paths"].items()
        for method in set(item) & {"get", "post", "put", "patch", "delete"}
    }
    assert documented == served
    assert {path for path, item in document()["paths"].items() if "options" not in item} == set()


def test_every_code_of_a_refusal_is_in_the_document() -> None:
    """By reading the source: what is raised, with which status, is what the document lists under that status."""
    raised: dict[str, set[str]] = {}
    for path in (ROOT / "connectors" / "collector").rglob("*.py"):
        for status, code in re.findall(r'Refusal\(\s*(\d{3}), "(\w+)"', path.read_text(encoding="utf-8")):
            raised.setdefault(status, set()).add(code)
    # Starlette's own refusals (http/answers.py).
    raised["405"] = {"not_allowed"}
    responses = document()["components"]["responses"]
    documented: dict[str, set[str]] = {"405": codes(responses["NotAllowed"])}
    for item in document()["paths"].values():
        for operation in (item[method] for method in ("get", "post") if method in item):
            for status, reply in operation["responses"].items():
                if status != "200":
                    documented.setdefault(status, set()).update(codes(responses[reply["$ref"].rpartition("/")[2]]))
    assert documented == raised


def codes(response: dict[str, Any]) -> set[str]:
    code = response["content"]["application/json"]["schema"]["allOf"][1]["properties"]["code"]
    return {code["const"]} if "const" in code else set(code["enum"])


@pytest.mark.slow
def test_schemathesis_finds_no_reply_that_the_document_does_not_tell(world: World, tmp_path: Path) -> None:
    source, key = world.source()
    world.catalog.set_tenant("acme", events_per_second=1_000_000)
    spec = document()
    # What it could not guess: a write key and the address of a webhook. (A signature is beyond it: test_hooks.py.)
    spec["paths"]["/v1/projects/{key}/settings"]["parameters"][0]["example"] = key
    hook = world.hooks.add("acme", "jira")[0]
    for parameter in spec["paths"]["/hooks/{tenant}/{system}/{hook_id}"]["parameters"]:
        parameter["schema"] = {
            "const": {"tenant": "acme", "system": "jira", "hook_id": hook.hook_id}[parameter["name"]]
        }
    (tmp_path / "openapi.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    # Several workers meet in hypothesis, which is not made for threads.
    command = [Path(sys.executable).with_name("schemathesis"), "run", "openapi.yaml", "--url", world.collector.address]
    options = ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-examples", "5"]
    options += ["--auth", f"{key}:", "--seed", "1", "--no-color", "--generation-database", "none", "--workers", "1"]
    run = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[-6_000:] + run.stderr[-2_000:]
    # It would say here which operations it never got beyond the door of.
    assert re.findall(r"^  - (.+)$", run.stdout, re.MULTILINE) == ["POST /hooks/{tenant}/{system}/{hook_id}"]
    assert "Traceback" not in world.collector.log.read_text()
    assert not world.land().kept
    assert len(world.bronze(source, "file, line")) > 100
