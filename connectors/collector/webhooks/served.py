"""The webhooks that the running collector serves: the catalog's, each with the secrets that count now."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.collector.http.following import Following, NotRead
from connectors.collector.http.keys import Writer, check_mounted
from connectors.collector.http.protocol import Refusal
from connectors.collector.webhooks.signatures import check_secret, verify
from connectors.systems.discovery import secret_makers
from connectors.systems.webhook import Asked
from warehouse_models.catalog.hooks import AWAITING, REVOKED, TABLE, Hook, Hooks
from warehouse_models.catalog.secrets import read_secret
from warehouse_models.catalog.tenants import Catalog, Tenant
from warehouse_models.errors import TenureError
from warehouse_models.policies.quotas import events_per_second

_log = logging.getLogger("tenure.collector")


@dataclass(frozen=True)
class ServedHook:
    """A webhook with its secrets, each until when (UTC; None: no end); `is_lacking`: one of them cannot be read."""

    hook: Hook
    writer: Writer
    secrets: tuple[tuple[str, datetime | None], ...]
    is_lacking: bool

    def counting_secrets(self) -> list[str]:
        """The secrets that count now."""
        now = datetime.now(UTC)
        return [secret for secret, until in self.secrets if until is None or now < until]

    def verify(self, asked: Asked, secrets: Sequence[str], now: float) -> None:
        """Refusal 401: none of the secrets signed it; 503: a secret cannot be read, and it may have been the one."""
        if self.hook.state == AWAITING and not secrets:
            why = "the secret of this webhook comes with a handshake, which was not yet"
            raise Refusal(401, "handshake_awaited", why)
        try:
            verify(self.hook.system, asked, secrets, now)
        except Refusal as refusal:
            if self.is_lacking and refusal.code == "bad_signature":
                why = "a secret of this webhook cannot be read; come again"
                raise Refusal(503, "secret_unreadable", why, 30) from None
            raise


class ServedHooks:
    """The webhooks by id; used on one event loop."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._hooks = Following(self._load)

    async def at(self, tenant: str, system: str, hook_id: str) -> ServedHook:
        """The webhook at an address. Refusal 404: there is none; 503: unknown, and the catalog cannot be read."""
        try:
            served = await self._hooks.find(hook_id)
        except NotRead:
            why = "this webhook cannot be looked up now; come again"
            raise Refusal(503, "catalog_unreadable", why, 5) from None
        if served is None or (served.hook.tenant_id, served.hook.system) != (tenant, system):
            raise Refusal(404, "not_found", "there is no such webhook; tenure hook list")
        return served

    async def read(self) -> None:
        """Read the catalog and the secrets, if they can be read."""
        await self._hooks.read()

    async def follow(self) -> None:
        """Read the catalog and the secrets again and again, until cancelled."""
        await self._hooks.follow()

    def _load(self, before: dict[str, ServedHook]) -> dict[str, ServedHook]:
        check_mounted(self._catalog.lake, *(("tenants", TABLE) if before else ("tenants",)))
        tenants = {tenant.tenant_id: tenant for tenant in self._catalog.tenants()}
        systems = secret_makers()
        served = {}
        for hook in Hooks(self._catalog, systems).all():
            tenant = tenants.get(hook.tenant_id)
            # Another version of Tenure may have added a system that this one does not know.
            if tenant is None or hook.state == REVOKED or hook.system not in systems:
                continue
            served[hook.hook_id] = _with_secrets(hook, tenant)
            last = before.get(hook.hook_id)
            if served[hook.hook_id].is_lacking and not (last and last.is_lacking):
                about = {"tenant": hook.tenant_id, "source": hook.hook_id}
                _log.error("a secret of a webhook is missing, or cannot be one: tenure hook list", extra=about)
        return served


def _with_secrets(hook: Hook, tenant: Tenant) -> ServedHook:
    rate = events_per_second(tenant.quotas, tenant.state)
    writer = Writer(hook.tenant_id, hook.hook_id, hook.name, None, rate, tenant.state == "suspended")
    secrets: list[tuple[str, datetime | None]] = []
    is_lacking = False
    for reference in hook.references(datetime.now(UTC)):
        try:
            secret = read_secret(reference)
            check_secret(hook.system, secret)
        except (TenureError, ValueError):
            is_lacking = True
            continue
        secrets.append((secret, None if reference == hook.secret_ref else hook.old_secret_until))
    return ServedHook(hook, writer, tuple(secrets), is_lacking)
