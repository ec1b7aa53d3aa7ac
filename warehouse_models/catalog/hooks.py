"""The webhooks of a tenant: which system may deliver, at which address, signed with which secret.

A versioned Delta table, `catalog/hooks`. It holds references to secrets (`secrets.py`), never a secret.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from warehouse_models.catalog.names import check_name
from warehouse_models.catalog.rotation import OLD_VALUE_COUNTS_FOR, counting, kept_beside
from warehouse_models.catalog.secrets import write_secret
from warehouse_models.catalog.table import CatalogTable
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError

TABLE = "hooks"
ACTIVE, AWAITING, REVOKED = "active", "awaiting_handshake", "revoked"


class SecretMaker(StrEnum):
    """Who makes the secret of a webhook: the vendor shows one, we make one that is entered at the vendor's, or the
    first delivery brings it."""

    VENDOR = "vendor"
    US = "us"
    HANDSHAKE = "handshake"


class NotAwaited(TenureError):
    """The webhook awaits no handshake."""


@dataclass(frozen=True)
class Hook:
    """A webhook: `state` is active, awaiting_handshake or revoked, `version` counts the changes of its row from 1.

    `secret_ref` is None until a handshake brought the secret. The secret before the last rotation counts until
    `old_secret_until` (UTC).
    """

    tenant_id: str
    hook_id: str
    system: str
    name: str
    state: str
    secret_ref: str | None
    old_secret_ref: str | None
    old_secret_until: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def path(self) -> str:
        """The path of the collector that the vendor delivers to. Nobody guesses its last part."""
        return f"/hooks/{self.tenant_id}/{self.system}/{self.hook_id}"

    def references(self, now: datetime) -> list[str]:
        """Where the secrets stand that a delivery may be signed with at `now`, the newest first."""
        if self.state == REVOKED:
            return []
        return counting(self.secret_ref, self.old_secret_ref, self.old_secret_until, now)


class Hooks:
    """Reads and changes the webhooks of one lake; every change is one commit, checked against the version it read.

    `secret_makers` says of each system that can deliver who makes its secrets; only `all`, `revoke` and `shake_hands`
    need none.
    """

    def __init__(self, catalog: Catalog, secret_makers: Mapping[str, SecretMaker]) -> None:
        self.catalog, self.secret_makers = catalog, secret_makers
        self.table = CatalogTable(catalog.lake, TABLE, Hook, thing="webhook", command="tenure hook")

    def all(self, tenant: str | None = None) -> list[Hook]:
        """All webhooks by tenant and name, revoked ones too; of one tenant if given."""
        return self.table.read(tenant)

    def add(self, tenant: str, system: str, name: str = "", reference: str | None = None) -> tuple[Hook, str | None]:
        """Add a webhook; with it a secret that was made for it, to be entered at the vendor's, where we make one.

        Without a `reference` the secret of a vendor who shows one is expected below TENURE_HOME/secrets. TenureError:
        no such tenant or system, a name that is taken, a reference where a handshake brings the secret.
        """
        self.catalog.tenant(tenant)
        self._maker(system)
        name = name or system
        check_name("webhook", name, system)
        now = datetime.now(UTC)
        hook_id = f"hook_{secrets.token_hex(16)}"
        state, where = self._expected(system, hook_id, reference)
        added = Hook(tenant, hook_id, system, name, state, where, None, None, 1, now, now)
        self.table.add(added, lambda hooks: _check_free(tenant, name, hooks))
        return added, self._made(added, reference)

    def rotate(
        self, tenant: str, name: str, reference: str | None = None, *, grace: timedelta = OLD_VALUE_COUNTS_FOR
    ) -> tuple[Hook, str | None]:
        """Give a webhook a new secret, as `add` does; the old one counts for `grace` more.

        A revoked webhook is taken again, by its new secret alone. One whose secret comes by handshake awaits the next.
        TenureError: no such webhook, or a reference that names the same place.
        """
        self.catalog.tenant(tenant)

        def rotated(hook: Hook) -> Hook:
            state, where = self._expected(hook.system, f"{hook.hook_id}-{hook.version + 1}", reference)
            if where is not None and where == hook.secret_ref:
                why = f"its secret is at {where} already, and both count for a while"
                raise TenureError(f"webhook {name}", why, "put the new secret elsewhere")
            now = datetime.now(UTC)
            old, until = kept_beside(hook.references(now), now, grace)
            return replace(hook, state=state, secret_ref=where, old_secret_ref=old, old_secret_until=until)

        changed = self.table.update((tenant, name), rotated)
        return changed, self._made(changed, reference)

    def tell_secret(
        self, tenant: str, name: str, secret: str, check: Callable[[str, str], None] = lambda system, secret: None
    ) -> Hook:
        """Keep the secret that a vendor showed, in the file that the webhook expects it in; the webhook.

        `check` gets system and secret, and raises ValueError for what cannot be one. TenureError: no such webhook, a
        secret that is empty or cannot be one, or one that is told elsewhere.
        """
        self.catalog.tenant(tenant)
        hook = self.table.one(tenant, name)
        kind, _, file = (hook.secret_ref or "").partition(":")
        if kind != "file" or "/" in file or self._maker(hook.system) != SecretMaker.VENDOR:
            where = hook.secret_ref or "the handshake"
            raise TenureError(f"the secret of webhook {name}", f"it comes from {where}", "tenure hook rotate")
        if not secret:
            raise TenureError(f"the secret of webhook {name}", "it is empty", "type or pipe in what the vendor shows")
        try:
            check(hook.system, secret)
        except ValueError as error:
            raise TenureError(f"the secret of webhook {name}", str(error), "copy it whole from the vendor") from None
        write_secret(file, secret)
        return hook

    def revoke(self, tenant: str, name: str) -> Hook:
        """Take nothing more from a webhook; a running collector follows within seconds. TenureError: there is none."""
        self.catalog.tenant(tenant)
        return self.table.update((tenant, name), lambda hook: replace(hook, state=REVOKED))

    def shake_hands(self, hook_id: str, reference: str) -> Hook:
        """Note where the secret is that a handshake brought. NotAwaited: the webhook awaits none.

        Of several handshakes at once one is taken: whoever comes later may be anybody who knows the address.
        """

        def shaken(hook: Hook) -> Hook:
            if hook.secret_ref == reference:
                return hook  # our own commit, which was told to have failed
            if hook.state != AWAITING:
                raise NotAwaited(f"webhook {hook.name}", "it awaits no handshake", "tenure hook rotate")
            return replace(hook, state=ACTIVE, secret_ref=reference)

        # Webhooks are revoked, never taken away or renamed: the name found now is the one that is changed.
        for hook in self.all():
            if hook.hook_id == hook_id:
                return self.table.update((hook.tenant_id, hook.name), shaken)
        raise TenureError(f"webhook {hook_id}", "there is none of this id", "tenure hook list")

    def _maker(self, system: str) -> SecretMaker:
        if system not in self.secret_makers:
            why, listed = "nobody checks its signatures", ", ".join(sorted(self.secret_makers))
            raise TenureError(f"system {system}", why, f"known: {listed}")
        return self.secret_makers[system]

    def _expected(self, system: str, file: str, reference: str | None) -> tuple[str, str | None]:
        """(state, reference) of a webhook that gets a new secret, in `file` of ours where there is no `reference`."""
        if self._maker(system) != SecretMaker.HANDSHAKE:
            return ACTIVE, reference or f"file:{file}"
        if reference is not None:
            why = f"{system} brings the secret itself, when its webhook is established"
            raise TenureError(f"the secret of a webhook of {system}", why, "leave --secret-env and --secret-file away")
        return AWAITING, None

    def _made(self, hook: Hook, reference: str | None) -> str | None:
        """The secret of a webhook, made and kept where the webhook says, if we make it and it stands nowhere else."""
        if self._maker(hook.system) != SecretMaker.US or reference is not None:
            return None
        made = secrets.token_urlsafe(32)
        write_secret((hook.secret_ref or "").removeprefix("file:"), made)
        return made


def _check_free(tenant: str, name: str, hooks: Sequence[Hook]) -> None:
    for hook in hooks:
        if (hook.tenant_id, hook.name) == (tenant, name):
            why = f"tenant {tenant} has it already ({hook.system}, {hook.state})"
            raise TenureError(f"webhook {name}", why, "choose another --name, or `tenure hook rotate` it")
