"""Webhooks: /hooks/{tenant}/{system}/{id}. Address known, signature right, message on the disk; then 200.

What a delivery says is read before the reply only to count it and to know a repetition; the lander reads it again.
Vendors come again on anything but 2xx, so whatever is our own failure is 503.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any

from starlette.requests import Request

from connectors.collector.http.keys import Keys
from connectors.collector.http.messages import Message
from connectors.collector.http.protocol import Refusal
from connectors.collector.webhooks.handshake import is_new_secret, keep_secret
from connectors.collector.webhooks.items import CALL, Bad, items, to_journal
from connectors.collector.webhooks.served import ServedHook, ServedHooks
from connectors.contracts.times import now_micros
from connectors.systems.discovery import webhook
from connectors.systems.webhook import Asked, Item
from warehouse_models.catalog.tenants import Catalog
from warehouse_models.lake.lake import Lake

PUBLIC_URL = "TENURE_PUBLIC_URL"
_LARGE = 128 * 1024
_MOST_REMEMBERED = 100_000
_log = logging.getLogger("tenure.collector")


class HookEndpoint:
    """Takes deliveries; used on one event loop."""

    def __init__(self, lake: Lake, keys: Keys, append: Callable[[Message, int, int], Awaitable[None]]) -> None:
        """`keys` hold the quotas; `append` returns when a message of so many events and bytes is on the disk."""
        self._catalog, self._keys, self._append = Catalog(lake), keys, append
        self.hooks = ServedHooks(self._catalog)
        self._remembered: OrderedDict[bytes, None] = OrderedDict()

    async def take(self, served: ServedHook, request: Request[Any], raw: bytes) -> dict[str, str]:
        """Keep a delivery; the headers of the reply. Refusal: it is not taken."""
        header = webhook(served.hook.system).handshake_header
        offered = request.headers.get(header) if header is not None else None
        try:
            if header is not None and offered is not None:
                await self._shake_hands(served, header, offered)
                return {header: offered}
            await self._keep(served, request, raw)
            return {}
        except Refusal as refusal:
            about = {"tenant": served.hook.tenant_id, "source": served.hook.hook_id, "error": refusal.code}
            _log.warning("a webhook's delivery was refused", extra=about)
            raise

    async def _shake_hands(self, served: ServedHook, header: str, offered: str) -> None:
        if is_new_secret(served, header, offered):
            self._keys.admit(served.writer, 1)
            await asyncio.to_thread(keep_secret, self._catalog, served.hook, offered)
            await self.hooks.read()

    async def _keep(self, served: ServedHook, request: Request[Any], raw: bytes) -> None:
        hook, received = served.hook, now_micros()
        asked = Asked(request.method, _urls(request), request.headers, raw)
        id_header = webhook(hook.system).id_header
        sent_id = None if id_header is None else request.headers.get(id_header)
        secrets = served.counting_secrets()

        def read() -> Sequence[Item | Bad]:
            served.verify(asked, secrets, received / 1e6)
            return items(hook.system, sent_id, raw, received)

        sent = await asyncio.to_thread(read) if len(raw) > _LARGE else read()
        count = len(sent)
        self._keys.admit(served.writer, max(1, count))
        names = [sha256(f"{hook.hook_id}\0{item.id}".encode()).digest()[:16] for item in sent]
        del sent  # it is larger than the body, and the disk is waited for
        if all(name in self._remembered for name in names):
            return
        message = Message(received, hook.tenant_id, hook.hook_id, CALL + hook.system, to_journal(sent_id, raw))
        await self._append(message, count, len(raw))
        # Only now: what was not kept has to be taken when it comes again.
        self._remember(names)

    def _remember(self, names: Sequence[bytes]) -> None:
        for name in names:
            self._remembered[name] = None
            self._remembered.move_to_end(name)
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)


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
