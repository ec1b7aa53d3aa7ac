"""Whether a delivery is from who it says: the vendor's claim (`systems/<vendor>/webhook.py`) is judged here.

    request ─▶ claim: signatures, the texts they are over, when they were made ─▶ HMAC-SHA256 by each secret ─▶ in time?

Each text is compared as the vendor writes it (hexadecimal, base64), in constant time and over all secrets.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from connectors.collector.http.protocol import Refusal
from connectors.systems.discovery import webhook
from connectors.systems.webhook import Asked, Claim, NoSignature, NoTime, Webhook

WINDOW_SECONDS = 300


def verify(system: str, asked: Asked, secrets: Sequence[str], now: float) -> None:
    """Return where one of the secrets signed the request in time. Refusal 401: what is wrong.

    ValueError: a secret cannot be one of this system.
    """
    vendor = webhook(system)
    claim = _claim(vendor, asked)
    given = [signature.encode("latin-1", "replace") for signature in claim.signatures]
    keys = [vendor.key(secret) for secret in secrets]
    is_signed = False
    for key in keys:
        for text in claim.texts:
            wanted = claim.encode(hmac.digest(key, text, "sha256"))
            for signature in given:
                is_signed |= hmac.compare_digest(wanted, signature)
    if not is_signed:
        raise Refusal(401, "bad_signature", "no secret of this webhook made the signature over this body")
    if claim.at is None:
        return
    # After the signature: an old time that nobody signed says nothing.
    if claim.at < now - WINDOW_SECONDS:
        raise Refusal(401, "too_old", f"it was signed more than {WINDOW_SECONDS} seconds ago; sign it again")
    if claim.at > now + WINDOW_SECONDS:
        raise Refusal(401, "too_new", f"it was signed more than {WINDOW_SECONDS} seconds from now; set the clocks")


def check_secret(system: str, secret: str) -> None:
    """ValueError: a secret cannot be one of this system."""
    webhook(system).key(secret)


def _claim(vendor: Webhook, asked: Asked) -> Claim:
    try:
        return vendor.claim(asked)
    except NoSignature as error:
        raise Refusal(401, "no_signature", str(error)) from None
    except NoTime as error:
        raise Refusal(401, "bad_timestamp", str(error)) from None
