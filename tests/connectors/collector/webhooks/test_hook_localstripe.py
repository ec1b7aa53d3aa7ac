"""localstripe, run as it is, delivers webhooks that it signs itself."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import need
from tests.connectors.collector.webhooks.test_hooks import hook_of, landed
from tests.support.vendors import SECRETS
from tests.support.worlds.collector import World

pytestmark = pytest.mark.slow
LOCALSTRIPE = "localstripe==1.15.10"
# The program as it is, but on this machine's own address only: it has no option for that.
RUN = """
import runpy, socket, sys
bind = socket.socket.bind
socket.socket.bind = lambda self, address: bind(self, ("::1", *address[1:]))
sys.argv = ["localstripe", "--from-scratch", "--port", sys.argv[1]]
runpy.run_module("localstripe", run_name="__main__")
"""


@pytest.fixture(scope="module")
def stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running localstripe, from an environment of its own."""
    folder = tmp_path_factory.mktemp("localstripe")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = subprocess.run([folder / "bin" / "pip", "install", "-q", LOCALSTRIPE], capture_output=True, text=True)
    need("SDKS", install.returncode == 0, f"localstripe could not be installed: {install.stderr[-300:]}")
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::1", 0))
        port = free.getsockname()[1]
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [folder / "bin" / "python", "-c", RUN, str(port)], cwd=folder, stdout=file, stderr=file
        )
    address = f"http://[::1]:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{address}/v1/customers", auth=("sk_test_1", ""))
                break
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield address
    finally:
        process.kill()
        process.wait()


def test_what_happens_at_stripe_is_in_bronze_as_stripe_tells_it(world: World, stripe: str) -> None:
    hook, deaf = hook_of(world, "stripe"), hook_of(world, "stripe", secret="whsec_another")
    for name, to in (("one", hook), ("two", deaf)):
        settings = {"url": world.collector.address + to.path, "secret": SECRETS["stripe"]}
        assert httpx.post(f"{stripe}/_config/webhooks/{name}", json=settings).status_code == 200
    with httpx.Client(base_url=stripe, auth=("sk_test_1", "")) as api:
        made = [api.post("/v1/customers", data={"email": f"c{n}@example.com"}).json()["id"] for n in range(3)]
        assert api.delete(f"/v1/customers/{made[0]}").status_code == 200
        events = api.get("/v1/events").json()["data"]
    deadline = time.monotonic() + 20
    while True:
        world.land()
        rows = landed(world, hook)
        if len(rows) >= len(events):
            break
        assert time.monotonic() < deadline, world.collector.log.read_text()
        time.sleep(0.2)
    assert sorted(row["record_id"] for row in rows) == sorted(event["id"] for event in events) and len(events) == 4
    changes = sorted((row["topic"], row["op"], row["subject_id"]) for row in rows)
    assert changes == sorted(
        [("customer.created", "upsert", one) for one in made] + [("customer.deleted", "delete", made[0])]
    )
    assert landed(world, deaf) == []
