"""SDKs as their registries have them, unmodified, send through a real collector: every event arrives once."""

from __future__ import annotations

import json
import subprocess
import textwrap
import time
from pathlib import Path

import pytest

from tests.support.lakes import silver
from tests.support.worlds.collector import World, start
from transforms.runner import run_transforms

pytestmark = pytest.mark.slow

# Prints the messageIds that it was given; exits when the SDK says that all is flushed.
SEGMENT = """
import json, sys
import segment.analytics as analytics
analytics.write_key, analytics.host, analytics.gzip = sys.argv[1], sys.argv[2], sys.argv[3] == "gzip"
analytics.max_retries = 10
errors = []
analytics.on_error = lambda error, items: errors.append(repr(error))
for n in range(int(sys.argv[4])):
    for call in (
        lambda id: analytics.identify("u1", {"email": "a@example.com"}, message_id=id),
        lambda id: analytics.track("u1", "Used", {"n": n, "text": "Zürich 世界"}, message_id=id),
        lambda id: analytics.page("u1", "docs", "home", message_id=id),
        lambda id: analytics.screen("u1", "app", "home", message_id=id),
        lambda id: analytics.group("u1", "g1", {"plan": "pro"}, message_id=id),
        lambda id: analytics.alias("before", "u1", message_id=id),
    ):
        id = f"{sys.argv[3]}-{n}-{len(sys.argv)}-" + __import__("uuid").uuid4().hex
        print(id, flush=True)
        call(id)
analytics.flush()
analytics.shutdown()
print(json.dumps(errors), file=sys.stderr)
"""
RUDDER = (
    SEGMENT.replace("import segment.analytics as analytics", "import rudderstack.analytics as analytics")
    .replace("analytics.host", "analytics.dataPlaneUrl")
    .replace("analytics.max_retries = 10", "")
)

NODE_CALLS = """
const count = Number(process.argv[3]);
for (let n = 0; n < count; n++) {
  for (const [name, args] of [
    ["identify", { userId: "u1", traits: { email: "a@example.com" } }],
    ["track", { userId: "u1", event: "Used", properties: { n, text: "Zürich 世界" } }],
    ["page", { userId: "u1", name: "home" }],
    ["screen", { userId: "u1", name: "home" }],
    ["group", { userId: "u1", groupId: "g1", traits: { plan: "pro" } }],
    ["alias", { userId: "u1", previousId: "before" }],
  ]) {
    const messageId = `${name}-${n}-${crypto.randomUUID()}`;
    console.log(messageId);
    client[name]({ messageId, ...args });
  }
}
"""
SEGMENT_NODE = (
    """
const { Analytics } = require("@segment/analytics-node");
const client = new Analytics({ writeKey: process.argv[1], host: process.argv[2] });
let errors = 0;
client.on("error", (error) => { errors++; console.error(error); });
"""
    + NODE_CALLS
    + "client.closeAndFlush().then(() => process.exit(errors ? 1 : 0));"
)
# Rudder's flush sends one batch of 20; it goes on by itself, and Node ends when nothing is left to send.
RUDDER_NODE = (
    """
const RudderAnalytics = require("@rudderstack/rudder-sdk-node").default || require("@rudderstack/rudder-sdk-node");
const client = new RudderAnalytics(process.argv[1], { dataPlaneUrl: process.argv[2], flushInterval: 50 });
"""
    + NODE_CALLS
    + "process.exitCode = 0;"
)


@pytest.mark.parametrize("program", [SEGMENT_NODE, RUDDER_NODE], ids=["segment", "rudder"])
def test_a_node_sdk_lands_each_call_once(own_world: World, tmp_path: Path, node_folder: Path, program: str) -> None:
    source, key = own_world.source()
    own_world.collector = start(tmp_path)
    command = ["node", "-e", program, "--", key, own_world.collector.address, "20"]
    process = subprocess.run(command, cwd=node_folder, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    assert own_world.collector.stop() == 0
    own_world.land()
    rows = own_world.bronze(source)
    assert sorted(row["record_id"] for row in rows) == sorted(process.stdout.split())
    assert own_world.refused(source) == []


@pytest.mark.parametrize("program", [SEGMENT, RUDDER], ids=["segment", "rudder"])
@pytest.mark.parametrize("packed", ["gzip", "plain"])
def test_a_python_sdk_lands_each_call_once(
    own_world: World, tmp_path: Path, python: Path, program: str, packed: str
) -> None:
    source, key = own_world.source()
    own_world.collector = start(tmp_path)
    command = [python, "-c", textwrap.dedent(program), key, own_world.collector.address, packed, "20"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stderr.splitlines()[-1]) == []
    assert own_world.collector.stop() == 0
    own_world.land()
    rows = own_world.bronze(source)
    assert sorted(row["record_id"] for row in rows) == sorted(process.stdout.split())
    assert {row["type"] for row in rows} == {"identify", "track", "page", "screen", "group", "alias"}
    assert own_world.refused(source) == []


def test_a_python_sdk_survives_the_collector_being_killed_in_mid_flush(
    own_world: World, tmp_path: Path, python: Path
) -> None:
    source, key = own_world.source()
    own_world.collector = start(tmp_path)
    port = int(own_world.collector.address.rpartition(":")[2])
    command = [python, "-c", textwrap.dedent(SEGMENT), key, own_world.collector.address, "plain", "600"]
    sdk = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "tenure" / "journal" / "0"
    while not any(path.stat().st_size for path in journal.glob("*.open")):
        time.sleep(0.005)
    own_world.collector.kill()
    own_world.collector = start(tmp_path, port=port)
    out, err = sdk.communicate(timeout=180)
    assert sdk.returncode == 0 and json.loads(err.splitlines()[-1]) == [], err
    assert own_world.collector.stop() == 0
    own_world.land()
    run_transforms(own_world.lake, "pool")
    ids = [row[0] for row in silver(own_world.lake, "silver/product/events", "message_id")]
    assert sorted(ids) == sorted(out.split()) and len(ids) == 3_600
