"""Webhooks in the catalog: references to secrets and no secret, rotation with two, handshakes that cannot be forced."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from warehouse_models.catalog.hooks import ACTIVE, AWAITING, REVOKED, Hooks, NotAwaited, SecretMaker
from warehouse_models.catalog.secrets import (
    SecretUnreadable,
    env_reference,
    file_reference,
    read_secret,
    secrets_folder,
    write_secret,
)
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake

# As the collector's folders say it, which the catalog does not know.
MAKERS = {
    "asana": SecretMaker.HANDSHAKE,
    "hubspot": SecretMaker.VENDOR,
    "jira": SecretMaker.US,
    "stripe": SecretMaker.VENDOR,
}


@pytest.fixture
def hooks(tenure_home: Path) -> Hooks:
    catalog = Catalog(Lake())
    for tenant in ("acme", "other"):
        catalog.add_tenant(tenant)
    return Hooks(catalog, MAKERS)


def now() -> datetime:
    return datetime.now(UTC)


def test_an_address_has_tenant_and_system_and_an_end_that_nobody_guesses(hooks: Hooks) -> None:
    first, _ = hooks.add("acme", "stripe")
    second, _ = hooks.add("acme", "stripe", "second")
    assert first.path == f"/hooks/acme/stripe/{first.hook_id}" != second.path
    assert len(first.hook_id) >= 32 and (first.name, first.state) == ("stripe", ACTIVE)


def test_the_lake_holds_where_a_secret_stands_and_no_secret(
    hooks: Hooks, tenure_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_HUBSPOT", "a-secret-in-the-environment")
    _, made = hooks.add("acme", "jira")
    hubspot, _ = hooks.add("acme", "hubspot", reference=env_reference("OF_HUBSPOT"))
    hooks.add("acme", "stripe")
    hook = hooks.tell_secret("acme", "stripe", "whsec_told")
    assert made and read_secret(hubspot.references(now())[0]) == "a-secret-in-the-environment"
    assert read_secret(hook.references(now())[0]) == "whsec_told"
    for path in Path(hooks.catalog.lake.root).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret in content for secret in (made.encode(), b"a-secret-in-the-env", b"whsec_told"))
    assert stat.S_IMODE(secrets_folder().stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets_folder().iterdir()} == {0o600}
    assert len(list(secrets_folder().iterdir())) == 2, "nothing half written stays"


def test_an_unknown_system_is_refused_and_the_known_ones_are_named(hooks: Hooks) -> None:
    with pytest.raises(TenureError) as error:
        hooks.add("acme", "salesforce")
    assert all(system in error.value.next_step for system in MAKERS)


def test_a_name_is_given_once_a_tenant_and_a_tenant_must_be_there(hooks: Hooks) -> None:
    hooks.add("acme", "stripe")
    with pytest.raises(TenureError, match="has it already"):
        hooks.add("acme", "jira", "stripe")
    hooks.add("other", "stripe")
    with pytest.raises(TenureError, match="a name is"):
        hooks.add("acme", "jira", "../etc")
    with pytest.raises(TenureError, match="does not know it"):
        hooks.add("nobody", "stripe")
    for call in (hooks.rotate, hooks.revoke):
        with pytest.raises(TenureError, match="does not know it"):
            call("nobody", "stripe")
        with pytest.raises(TenureError, match=r"known: stripe"):
            call("acme", "web")
    with pytest.raises(TenureError, match=r"known: stripe"):
        hooks.tell_secret("acme", "web", "x")


def test_two_secrets_count_for_a_while_after_a_rotation_and_never_three(hooks: Hooks) -> None:
    first, _ = hooks.add("acme", "jira")
    second, made = hooks.rotate("acme", "jira", grace=timedelta(hours=1))
    third, _ = hooks.rotate("acme", "jira", grace=timedelta(hours=1))
    assert made and first.path == second.path == third.path
    assert second.references(now()) == [second.secret_ref, first.secret_ref]
    assert third.references(now()) == [third.secret_ref, second.secret_ref]
    assert third.references(now() + timedelta(hours=1)) == [third.secret_ref]
    assert len({read_secret(one.secret_ref or "") for one in (first, second, third)}) == 3


def test_a_rotation_without_grace_leaves_the_new_secret_alone(hooks: Hooks) -> None:
    hooks.add("acme", "jira")
    assert len(hooks.rotate("acme", "jira", grace=timedelta(0))[0].references(now())) == 1


def test_a_secret_that_ended_does_not_count_again_after_the_next_rotation(hooks: Hooks) -> None:
    hook, _ = hooks.add("acme", "asana")
    hooks.shake_hands(hook.hook_id, write_secret("first", "the first one of them"))
    hooks.rotate("acme", "asana", grace=timedelta(microseconds=1))
    rotated, _ = hooks.rotate("acme", "asana", grace=timedelta(hours=1))
    assert rotated.references(now()) == []


def test_a_rotation_to_the_same_place_is_refused(hooks: Hooks) -> None:
    hooks.add("acme", "stripe", reference="env:A")
    with pytest.raises(TenureError, match="is at env:A already"):
        hooks.rotate("acme", "stripe", "env:A")
    assert hooks.rotate("acme", "stripe", "env:B")[0].references(now()) == ["env:B", "env:A"]


def test_a_revoked_webhook_has_no_secret_and_comes_back_by_a_new_one_alone(hooks: Hooks) -> None:
    hooks.add("acme", "stripe", reference="env:A")
    revoked = hooks.revoke("acme", "stripe")
    assert (revoked.state, revoked.references(now())) == (REVOKED, [])
    assert hooks.revoke("acme", "stripe") == revoked, "again changes nothing"
    back, _ = hooks.rotate("acme", "stripe", "env:B")
    assert (back.state, back.references(now())) == (ACTIVE, ["env:B"])


def test_a_handshake_is_taken_once_unless_a_rotation_awaits_another(hooks: Hooks) -> None:
    hook, made = hooks.add("acme", "asana")
    assert (hook.state, made, hook.references(now())) == (AWAITING, None, [])
    assert hooks.shake_hands(hook.hook_id, "file:a").references(now()) == ["file:a"]
    # A commit that was there though it was told to have failed is tried again, and finds itself.
    assert hooks.shake_hands(hook.hook_id, "file:a").references(now()) == ["file:a"]
    with pytest.raises(NotAwaited):
        hooks.shake_hands(hook.hook_id, "file:b")
    assert hooks.rotate("acme", "asana")[0].references(now()) == ["file:a"]
    assert hooks.shake_hands(hook.hook_id, "file:b").references(now()) == ["file:b", "file:a"]
    hooks.rotate("acme", "asana")
    hooks.revoke("acme", "asana")
    with pytest.raises(NotAwaited):
        hooks.shake_hands(hook.hook_id, "file:c")


def test_of_handshakes_at_once_one_is_taken(hooks: Hooks) -> None:
    hook, _ = hooks.add("acme", "asana")

    def shake(number: int) -> bool:
        try:
            Hooks(Catalog(Lake()), MAKERS).shake_hands(hook.hook_id, f"file:{number}")
            return True
        except NotAwaited:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(shake, range(6))) == 1


def test_the_secret_that_a_handshake_or_we_make_is_not_told_by_hand(hooks: Hooks) -> None:
    hooks.add("acme", "asana")
    hooks.add("acme", "jira")
    hooks.add("acme", "stripe", reference="env:A")
    for name in ("asana", "jira", "stripe"):
        with pytest.raises(TenureError, match="it comes from"):
            hooks.tell_secret("acme", name, "x")
    with pytest.raises(TenureError, match="brings the secret itself"):
        hooks.add("acme", "asana", "second", reference="env:A")


def test_a_secret_is_read_without_the_white_space_around_it_and_never_empty(
    tenure_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    path.write_text("  whsec_1\n\n")
    assert read_secret(file_reference(path)) == "whsec_1"
    monkeypatch.setenv("EMPTY", "  ")
    for reference in ("env:EMPTY", "env:NOT_SET_AT_ALL", "file:none", f"file:{tmp_path}", "whsec_1", ""):
        with pytest.raises(SecretUnreadable) as error:
            read_secret(reference)
        assert error.value.next_step
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SecretUnreadable, match="it holds no text"):
        read_secret(file_reference(path))


def test_what_cannot_be_a_variable_is_refused_without_being_read_as_one(tenure_home: Path) -> None:
    with pytest.raises(TenureError, match="the name of an environment variable"):
        env_reference("whsec_a/b+c=")
    with pytest.raises(TenureError, match="cannot be that of a file"):
        write_secret("../outside", "x")
