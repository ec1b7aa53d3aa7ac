"""The webhooks of a tenant: which system may deliver, at which address, signed with which secret.

A versioned Delta table, `catalog/hooks`. It holds references to secrets (`secret_references.py`), never a secret.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from warehouse_models.catalog.secrets import write_secret
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError

TABLE = "hooks"
GRACE = timedelta(hours=24)
ACTIVE, AWAITING, REVOKED = "active", "awaiting_handshake", "revoked"
# Who makes the secret: the vendor shows one, we make one that is entered there, or the first delivery brings it.
BY_VENDOR, BY_US, BY_HANDSHAKE = "vendor", "us", "handshake"
SYSTEMS: Mapping[str, str] = {
    "asana": BY_HANDSHAKE,
    "hubspot": BY_VENDOR,
    "jira": BY_US,
    "standard": BY_VENDOR,
    "stripe": BY_VENDOR,
}
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("hook_id", pa.string()),
        ("system", pa.string()),
        ("name", pa.string()),
        ("state", pa.string()),
        ("secret_ref", pa.string()),
        ("old_secret_ref", pa.string()),
        ("old_secret_until", _TIMESTAMP),
        ("version", pa.int64()),
        ("created_at", _TIMESTAMP),
        ("updated_at", _TIMESTAMP),
    ]
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}")


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
        is_old_good = self.old_secret_until is not None and now < self.old_secret_until
        return [one for one in (self.secret_ref, self.old_secret_ref if is_old_good else None) if one]


class Hooks:
    """Reads and changes the webhooks of one lake; every change is one commit, checked against the version it read."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def all(self, tenant: str | None = None) -> list[Hook]:
        """All webhooks by tenant and name, revoked ones too; of one tenant if given."""
        found = [_hook(row) for row in self.catalog.rows(TABLE)]
        return sorted((h for h in found if tenant in (None, h.tenant_id)), key=lambda h: (h.tenant_id, h.name))

    def add(self, tenant: str, system: str, name: str = "", reference: str | None = None) -> tuple[Hook, str | None]:
        """Add a webhook; with it a secret that was made for it, to be entered at the vendor's, where we make one.

        Without a `reference` the secret of a vendor who shows one is expected below TENURE_HOME/secrets. TenureError:
        no such tenant or system, a name that is taken, a reference where a handshake brings the secret.
        """
        self.catalog.tenant(tenant)
        if system not in SYSTEMS:
            raise TenureError(f"system {system}", "nobody checks its signatures", f"known: {', '.join(SYSTEMS)}")
        name = name or system
        if not _NAME.fullmatch(name):
            why = "a name is 1 to 80 letters, digits, spaces, dots, dashes or underscores"
            raise TenureError(f"webhook {name!r}", why, f"e.g. {system}")
        now = datetime.now(UTC)
        hook_id = f"hook_{secrets.token_hex(16)}"
        state, where, made = _secret_of(system, hook_id, reference)
        added = Hook(tenant, hook_id, system, name, state, where, None, None, 1, now, now)

        def change(hooks: list[Hook]) -> list[Hook]:
            for known in hooks:
                if (known.tenant_id, known.name) == (tenant, name):
                    why = f"tenant {tenant} has it already ({known.system}, {known.state})"
                    raise TenureError(f"webhook {name}", why, "choose another --name, or `tenure hook rotate` it")
            return [*hooks, added]

        self._change(change)
        if made is not None:
            write_secret(hook_id, made)
        return added, made

    def rotate(
        self, tenant: str, name: str, reference: str | None = None, *, grace: timedelta = GRACE
    ) -> tuple[Hook, str | None]:
        """Give a webhook a new secret, as `add` does; the old one counts for `grace` more.

        A revoked webhook is taken again, by its new secret alone. One whose secret comes by handshake awaits the next.
        TenureError: no such webhook, or a reference that names the same place.
        """
        made: str | None = None
        file = ""

        def rotated(hook: Hook) -> Hook:
            nonlocal made, file
            file = f"{hook.hook_id}-{hook.version + 1}"
            state, where, made = _secret_of(hook.system, file, reference)
            if where is not None and where == hook.secret_ref:
                why = f"its secret is at {where} already, and both count for a while"
                raise TenureError(f"webhook {name}", why, "put the new secret elsewhere")
            now = datetime.now(UTC)
            # Only what counts now: a secret that ended must not count again.
            counting = hook.references(now) if grace > timedelta(0) else []
            return replace(
                hook,
                state=state,
                secret_ref=where,
                old_secret_ref=counting[0] if counting else None,
                old_secret_until=now + grace if counting else None,
            )

        changed = self._update(self._one(tenant, name).hook_id, rotated)
        if made is not None:
            write_secret(file, made)
        return changed, made

    def tell_secret(
        self, tenant: str, name: str, secret: str, check: Callable[[str, str], None] = lambda system, secret: None
    ) -> Hook:
        """Keep the secret that a vendor showed, in the file that the webhook expects it in; the webhook.

        `check` gets system and secret, and raises ValueError for what cannot be one. TenureError: no such webhook, a
        secret that is empty or cannot be one, or one that is told elsewhere.
        """
        hook = self._one(tenant, name)
        kind, _, file = (hook.secret_ref or "").partition(":")
        if kind != "file" or "/" in file or SYSTEMS[hook.system] != BY_VENDOR:
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
        return self._update(self._one(tenant, name).hook_id, lambda hook: replace(hook, state=REVOKED))

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

        return self._update(hook_id, shaken)

    def _one(self, tenant: str, name: str) -> Hook:
        self.catalog.tenant(tenant)
        hooks = self.all(tenant)
        for hook in hooks:
            if hook.name == name:
                return hook
        known = ", ".join(hook.name for hook in hooks) or "none yet"
        why = f"tenant {tenant} has none of this name (known: {known})"
        raise TenureError(f"webhook {name}", why, f"tenure hook list --tenant {tenant}")

    def _update(self, hook_id: str, change_one: Callable[[Hook], Hook]) -> Hook:
        changed: Hook | None = None

        def changed_one(hook: Hook) -> Hook:
            nonlocal changed
            if hook.hook_id != hook_id:
                return hook
            changed = change_one(hook)
            if changed != hook:
                changed = replace(changed, version=hook.version + 1, updated_at=datetime.now(UTC))
            return changed

        # Webhooks are revoked, never taken away: who was there is there.
        self._change(lambda hooks: [changed_one(hook) for hook in hooks])
        if changed is None:
            raise TenureError(f"webhook {hook_id}", "there is none of this id", "tenure hook list")
        return changed

    def _change(self, change: Callable[[list[Hook]], list[Hook]]) -> None:
        def on_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            before = [_hook(row) for row in rows]
            after = change(before)
            return rows if after == before else [vars(hook) for hook in after]

        self.catalog.change(TABLE, _SCHEMA, on_rows)


def _secret_of(system: str, file: str, reference: str | None) -> tuple[str, str | None, str | None]:
    """(state, reference, secret that was made) of a webhook that gets a new secret."""
    maker = SYSTEMS[system]
    if maker == BY_HANDSHAKE:
        if reference is not None:
            why = f"{system} brings the secret itself, when its webhook is established"
            raise TenureError(f"the secret of a webhook of {system}", why, "leave --secret-env and --secret-file away")
        return AWAITING, None, None
    made = secrets.token_urlsafe(32) if maker == BY_US and reference is None else None
    return ACTIVE, reference or f"file:{file}", made


def _hook(row: Mapping[str, Any]) -> Hook:
    return Hook(**{field.name: row[field.name] for field in _SCHEMA})
