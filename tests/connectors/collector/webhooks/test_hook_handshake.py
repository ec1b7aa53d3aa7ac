"""Asana's handshake: the first request brings the secret, and no later one can put another in its place."""

from __future__ import annotations

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx

from tests.connectors.collector.webhooks.test_hooks import deliver, landed, until
from tests.support.vendors import SECRETS, body_of
from tests.support.worlds.collector import World, start
from warehouse_models.catalog.hooks import ACTIVE, AWAITING, Hook
from warehouse_models.catalog.secrets import path_of, secrets_folder

ATTACKER = "0123456789abcdef" * 4


def shake(world: World, hook: Hook, secret: str) -> httpx.Response:
    return world.post(hook.path, b"", headers={"X-Hook-Secret": secret})


def of(world: World, hook: Hook) -> Hook:
    return next(each for each in world.hooks.all() if each.hook_id == hook.hook_id)


def new(world: World) -> Hook:
    world.names += 1
    return world.hooks.add("acme", "asana", f"asana {world.names}")[0]


def test_the_secret_is_echoed_kept_for_the_owner_alone_and_signs_from_then_on(world: World) -> None:
    hook = new(world)
    assert hook.state == AWAITING
    early = deliver(world, hook, body_of("asana", 1))
    assert (early.status_code, early.json()["code"]) == (401, "handshake_awaited")
    reply = shake(world, hook, SECRETS["asana"])
    assert (reply.status_code, reply.headers["X-Hook-Secret"]) == (200, SECRETS["asana"])
    stored = of(world, hook)
    path = path_of(stored.secret_ref or "")
    assert stored.state == ACTIVE and path is not None and path.read_text().strip() == SECRETS["asana"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert deliver(world, hook, body_of("asana", 1)).status_code == 200
    world.land()
    assert len(landed(world, hook)) == 1


def test_a_second_handshake_does_not_replace_the_secret_and_is_not_echoed(world: World) -> None:
    hook = new(world)
    shake(world, hook, SECRETS["asana"])
    reply = shake(world, hook, ATTACKER)
    assert (reply.status_code, reply.json()["code"]) == (401, "no_handshake_awaited")
    assert "X-Hook-Secret" not in reply.headers
    assert deliver(world, hook, body_of("asana", 1), secret=ATTACKER).status_code == 401
    assert deliver(world, hook, body_of("asana", 2)).status_code == 200
    # Asana asks again with the same secret where our reply was lost.
    assert shake(world, hook, SECRETS["asana"]).headers["X-Hook-Secret"] == SECRETS["asana"]


def test_of_handshakes_at_once_one_is_taken_and_no_secret_of_the_others_is_kept(
    own_world: World, tmp_path: Path
) -> None:
    hook = new(own_world)
    collectors = [start(tmp_path) for _ in range(2)]
    secrets = [f"{number:02}" * 16 for number in range(8)]

    def one(number: int) -> httpx.Response:
        url = collectors[number % 2].address + hook.path
        return httpx.post(url, headers={"X-Hook-Secret": secrets[number]}, timeout=30)

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(one, range(8)))
    taken = [secrets[number] for number, reply in enumerate(replies) if reply.status_code == 200]
    assert len(taken) == 1 and {reply.status_code for reply in replies} == {200, 401}
    assert [path.read_text().strip() for path in secrets_folder().iterdir()] == taken


def test_a_rotation_awaits_another_handshake_while_the_old_secret_goes_on(world: World) -> None:
    hook, hooks = new(world), world.hooks
    shake(world, hook, SECRETS["asana"])
    hooks.rotate("acme", hook.name)
    # The collector knows of it within seconds.
    deadline = time.monotonic() + 10
    while (reply := shake(world, hook, ATTACKER)).status_code != 200:
        assert reply.json()["code"] == "no_handshake_awaited" and time.monotonic() < deadline
        assert deliver(world, hook, body_of("asana", 3)).status_code == 200
    for secret in (SECRETS["asana"], ATTACKER):
        assert deliver(world, hook, body_of("asana", 4), secret=secret).status_code == 200
    hooks.rotate("acme", hook.name, grace=timedelta(0))
    until(world, hook, 401, body_of("asana", 5), secret=ATTACKER)
    assert shake(world, hook, "f" * 64).status_code == 200
    assert deliver(world, hook, body_of("asana", 6), secret=SECRETS["asana"]).status_code == 401


def test_what_cannot_be_a_secret_is_no_handshake(world: World) -> None:
    hook = new(world)
    for secret in ("short", "x" * 300, "with a space in it, and so on"):
        reply = shake(world, hook, secret)
        assert (reply.status_code, reply.json()["code"]) == (401, "bad_handshake")
    assert of(world, hook).state == AWAITING


def test_other_systems_know_no_handshake(world: World) -> None:
    world.names += 1
    hook, _ = world.hooks.add("acme", "jira", f"jira {world.names}")
    reply = shake(world, hook, ATTACKER)
    assert reply.status_code == 401 and "X-Hook-Secret" not in reply.headers
