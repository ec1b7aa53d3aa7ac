"""Webhooks: /hooks/{tenant}/{system}/{id}. The address is known, the signature right, the record on the disk; then 200.

What a delivery says is read before the reply only to count it and to know a repetition; the lander reads it again.
Vendors come again on anything but 2xx, so whatever is our own failure is 503.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from starlette.requests import Request

from connectors.collector.http.following import Following
from connectors.collector.http.keys import Keys, Writer, check_mounted
from connectors.collector.http.messages import Message
from connectors.collector.http.protocol import Refusal
from connectors.collector.webhooks.items import CALL, Bad, items, to_journal
from connectors.collector.webhooks.signatures import check_secret, verify
from connectors.contracts.times import now_micros
from connectors.systems.discovery import secret_makers, webhook
from connectors.systems.webhook import Asked, Item
from warehouse_models.catalog.hooks import AWAITING, REVOKED, TABLE, Hook, Hooks, NotAwaited
from warehouse_models.catalog.secrets import path_of, read_secret, write_secret
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.policies.quotas import events_per_second

PUBLIC_URL = "TENURE_PUBLIC_URL"
_LARGE = 128 * 1024
_MOST_REMEMBERED = 100_000
_OFFERED = re.compile(r"[!-~]{16,256}")
_log = logging.getLogger("tenure.collector")


@dataclass(frozen=True)
class Known:
    """A webhook as the collector knows it: the secrets that count, each until when; whether one cannot be read."""

    hook: Hook
    writer: Writer
    secrets: tuple[tuple[str, datetime | None], ...]
    is_lacking: bool


class HookEndpoint:
    """Takes deliveries; used on one event loop."""

    def __init__(self, lake: Lake, keys: Keys, append: Callable[[Message, int, int], Awaitable[None]]) -> None:
        """`keys` hold the quotas; `append` returns when a message of so many events and bytes is on the disk."""
        self._catalog, self._keys, self._append = Catalog(lake), keys, append
        self._hooks: Following[dict[str, Known]] = Following({}, self._load)
        self._remembered: OrderedDict[bytes, None] = OrderedDict()

    async def read(self) -> None:
        """Read the catalog and the secrets, if they can be read."""
        await self._hooks.read_since(time.monotonic())

    async def follow(self) -> None:
        """Read the catalog and the secrets again and again, until cancelled."""
        await self._hooks.follow()

    async def known(self, tenant: str, system: str, hook_id: str) -> Known:
        """The webhook at an address. Refusal 404: there is none; 503: unknown, and the catalog cannot be read."""
        asked = time.monotonic()
        found = self._hooks.value.get(hook_id)
        if found is None:
            if not await self._hooks.read_since(asked):
                raise Refusal(503, "catalog_unreadable", "this webhook cannot be looked up now; come again", 5)
            found = self._hooks.value.get(hook_id)
        if found is None or (found.hook.tenant_id, found.hook.system) != (tenant, system):
            raise Refusal(404, "not_found", "there is no such webhook; tenure hook list")
        return found

    async def take(self, known: Known, request: Request[Any], raw: bytes) -> dict[str, str]:
        """Keep a delivery; the headers of the reply. Refusal: it is not taken."""
        header = webhook(known.hook.system).handshake_header
        offered = request.headers.get(header) if header is not None else None
        try:
            if header is not None and offered is not None:
                await self._shake_hands(known, header, offered)
                return {header: offered}
            await self._keep(known, request, raw)
            return {}
        except Refusal as no:
            told = {"tenant": known.hook.tenant_id, "source": known.hook.hook_id, "error": no.code}
            _log.warning("a webhook's delivery was refused", extra=told)
            raise

    async def _keep(self, known: Known, request: Request[Any], raw: bytes) -> None:
        received, system = now_micros(), known.hook.system
        asked = Asked(request.method, _urls(request), request.headers, raw)
        id_header = webhook(system).id_header
        sent_id = None if id_header is None else request.headers.get(id_header)
        counting = _counting(known)

        def read() -> Sequence[Item | Bad]:
            _judge(known, asked, counting, received / 1e6)
            return items(system, sent_id, raw, received)

        found = await asyncio.to_thread(read) if len(raw) > _LARGE else read()
        count = len(found)
        self._keys.admit(known.writer, max(1, count))
        names = [sha256(f"{known.hook.hook_id}\0{one.id}".encode()).digest()[:16] for one in found]
        del found  # it is larger than the body, and the disk is waited for
        if all(name in self._remembered for name in names):
            return
        body = to_journal(sent_id, raw)
        message = Message(received, known.hook.tenant_id, known.hook.hook_id, CALL + system, body)
        await self._append(message, count, len(raw))
        # Only now: what was not kept has to be taken when it comes again.
        for name in names:
            self._remembered[name] = None
            self._remembered.move_to_end(name)
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    async def _shake_hands(self, known: Known, header: str, offered: str) -> None:
        """Keep the secret that the first request brings. Refusal 401: none is awaited, and this is not the known one.

        Whoever knows the address could bring a secret of their own and sign with it, so a known one never gives way.
        """
        if not _OFFERED.fullmatch(offered):
            raise Refusal(401, "bad_handshake", f"{header} is not 16 to 256 visible characters")
        if any(hmac.compare_digest(secret.encode(), offered.encode()) for secret in _counting(known)):
            return  # again, because our reply was lost
        if known.hook.state != AWAITING:
            raise Refusal(401, "no_handshake_awaited", "this webhook has its secret; tenure hook rotate awaits another")
        self._keys.admit(known.writer, 1)
        await asyncio.to_thread(self._keep_secret, known.hook, offered)
        await self._hooks.read_since(time.monotonic())

    def _keep_secret(self, hook: Hook, offered: str) -> None:
        reference = ""
        try:
            # A name of its own: of two handshakes at once the catalog takes one, and neither overwrites the other.
            reference = write_secret(f"{hook.hook_id}-{secrets.token_hex(4)}", offered)
            Hooks(self._catalog, secret_makers()).shake_hands(hook.hook_id, reference)
        except NotAwaited:
            if path := path_of(reference):
                path.unlink(missing_ok=True)
            raise Refusal(401, "no_handshake_awaited", "another handshake was first") from None
        except Exception:
            # The file stays: a commit that was told to have failed may be there all the same, and name it.
            raise Refusal(503, "secret_not_kept", "the secret cannot be kept now; come again", 5) from None

    def _load(self, before: dict[str, Known]) -> dict[str, Known]:
        check_mounted(self._catalog.lake, *(("tenants", TABLE) if before else ("tenants",)))
        tenants = {tenant.tenant_id: tenant for tenant in self._catalog.tenants()}
        systems = secret_makers()
        known = {}
        for hook in Hooks(self._catalog, systems).all():
            tenant = tenants.get(hook.tenant_id)
            # Another version of Tenure may have added a system that this one does not know.
            if tenant is None or hook.state == REVOKED or hook.system not in systems:
                continue
            rate = events_per_second(tenant.quotas, tenant.state)
            writer = Writer(hook.tenant_id, hook.hook_id, hook.name, None, rate, tenant.state == "suspended")
            one = known[hook.hook_id] = _with_secrets(hook, writer)
            if one.is_lacking and not ((was := before.get(hook.hook_id)) and was.is_lacking):
                told = {"tenant": hook.tenant_id, "source": hook.hook_id}
                _log.error("a secret of a webhook is missing, or cannot be one: tenure hook list", extra=told)
        return known


def _with_secrets(hook: Hook, writer: Writer) -> Known:
    found: list[tuple[str, datetime | None]] = []
    is_lacking = False
    for reference in hook.references(datetime.now(UTC)):
        try:
            secret = read_secret(reference)
            check_secret(hook.system, secret)
        except (TenureError, ValueError):
            is_lacking = True
            continue
        found.append((secret, None if reference == hook.secret_ref else hook.old_secret_until))
    return Known(hook, writer, tuple(found), is_lacking)


def _counting(known: Known) -> list[str]:
    now = datetime.now(UTC)
    return [secret for secret, until in known.secrets if until is None or now < until]


def _judge(known: Known, asked: Asked, counting: Sequence[str], now: float) -> None:
    """Refusal 401: nobody we know signed it; 503: a secret cannot be read, and it may have been the one."""
    if known.hook.state == AWAITING and not counting:
        raise Refusal(401, "handshake_awaited", "the secret of this webhook comes with a handshake, which was not yet")
    try:
        verify(known.hook.system, asked, counting, now)
    except Refusal as no:
        if known.is_lacking and no.code == "bad_signature":
            why = "a secret of this webhook cannot be read; come again"
            raise Refusal(503, "secret_unreadable", why, 30) from None
        raise


def _urls(request: Request[Any]) -> list[str]:
    """The public URLs that the request may have been sent to: only the signer says which one it was.

    TENURE_PUBLIC_URL where it is set; else the host that the request names, by the scheme we see, and by https, which a
    proxy in front may have taken off.
    """
    raw = request.scope.get("raw_path") or request.url.path.encode()
    path = raw.decode("latin-1") + (f"?{request.url.query}" if request.url.query else "")
    if public := os.environ.get(PUBLIC_URL, "").rstrip("/"):
        return [public + path]
    host = request.headers.get("host", "")
    return [f"{scheme}://{host}{path}" for scheme in dict.fromkeys((request.url.scheme, "https"))]
