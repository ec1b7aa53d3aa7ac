"""The secret that a vendor brings with its first request: kept once, in a file of its own that the catalog names."""

from __future__ import annotations

import hmac
import re
import secrets

from connectors.collector.http.protocol import Refusal
from connectors.collector.webhooks.served import ServedHook
from connectors.systems.discovery import secret_makers
from warehouse_models.catalog.hooks import AWAITING, Hook, Hooks, NotAwaited
from warehouse_models.catalog.secrets import path_of, write_secret
from warehouse_models.catalog.tenants import Catalog

_OFFERED = re.compile(r"[!-~]{16,256}")


def is_new_secret(served: ServedHook, header: str, offered: str) -> bool:
    """Whether an offered secret is to be kept; False: it was, and the vendor lost our reply.

    Refusal 401: none is awaited, and this is not the one that we have. Whoever knows the address could bring a secret
    of their own and sign with it, so one that we have never gives way.
    """
    if not _OFFERED.fullmatch(offered):
        raise Refusal(401, "bad_handshake", f"{header} is not 16 to 256 visible characters")
    if any(hmac.compare_digest(secret.encode(), offered.encode()) for secret in served.counting_secrets()):
        return False
    if served.hook.state != AWAITING:
        raise Refusal(401, "no_handshake_awaited", "this webhook has its secret; tenure hook rotate awaits another")
    return True


def keep_secret(catalog: Catalog, hook: Hook, offered: str) -> None:
    """Write the secret, then name it in the catalog. Refusal 401: another handshake was first; 503: it is not kept."""
    reference = ""
    try:
        # A name of its own: of two handshakes at once the catalog takes one, and neither overwrites the other.
        reference = write_secret(f"{hook.hook_id}-{secrets.token_hex(4)}", offered)
        Hooks(catalog, secret_makers()).shake_hands(hook.hook_id, reference)
    except NotAwaited:
        if path := path_of(reference):
            path.unlink(missing_ok=True)
        raise Refusal(401, "no_handshake_awaited", "another handshake was first") from None
    except Exception:
        # The file stays: a commit that was told to have failed may be there all the same, and name it.
        raise Refusal(503, "secret_not_kept", "the secret cannot be kept now; come again", 5) from None
