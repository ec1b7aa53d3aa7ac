"""Whether a delivery is from who it says: one small function a system reads what a request claims, `verify` judges it.

    request ─▶ claim: signatures, the texts they are over, when they were made ─▶ HMAC-SHA256 by each secret ─▶ in time?

Each text is compared as the vendor writes it (hexadecimal, base64), in constant time and over all secrets. Asana and
Jira sign no time: an old delivery of theirs that somebody repeats is found by its content (`hook_records.py`).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connectors.collector.http.protocol import Refusal

WINDOW_SECONDS = 300
# Bytes of a secret of Standard Webhooks, which asks for 24.
_LEAST_KEY = 16
_TIME = re.compile(r"[0-9]{1,15}", re.ASCII)
# What HubSpot decodes in a URL before it signs it, and nothing else.
_DECODED = {f"%{ord(character):02X}": character for character in ":/?@!$'()*,;"}
_ENCODED = re.compile("|".join(_DECODED), re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """A request as it came: `urls` are the public ones it may have been sent to, header names are in lower case."""

    method: str
    urls: Sequence[str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Claim:
    """Signatures as they stand in the request, what each may be over, and when they were made (UTC seconds)."""

    signatures: Sequence[str]
    texts: Sequence[bytes]
    at: float | None
    encode: Callable[[bytes], bytes]


def verify(system: str, asked: Asked, secrets: Sequence[str], now: float) -> None:
    """Return where one of the secrets signed the request in time. Refusal 401: what is wrong.

    ValueError: a secret cannot be one of this system.
    """
    claim = CLAIMS[system](asked)
    given = [signature.encode("latin-1", "replace") for signature in claim.signatures]
    keys = [_key(system, secret) for secret in secrets]
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
    _key(system, secret)


def _key(system: str, secret: str) -> bytes:
    if system != "standard":
        return secret.encode()
    digits = secret.removeprefix("whsec_").rstrip("=")
    try:
        # Strictly: Python leaves out what is no base64, and signs with the rest.
        key = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except binascii.Error:
        key = b""
    if len(key) < _LEAST_KEY:
        raise ValueError(f"the secret is not whsec_ and at least {_LEAST_KEY} bytes in base64")
    return key


def _stripe(asked: Asked) -> Claim:
    """t=<seconds>,v1=<hex>[,v1=<hex>…] over "t.body" (stripe 16.1 _webhook.py); while a secret is rolled, of both."""
    parts = [part.partition("=") for part in _header(asked, "stripe-signature").split(",")]
    at = next((value for name, _, value in parts if name == "t"), "")
    signatures = [value for name, _, value in parts if name == "v1"]
    return Claim(signatures, [at.encode("latin-1", "replace") + b"." + asked.body], _seconds(at), _hex)


def _hubspot(asked: Asked) -> Claim:
    """base64 over method + URL + body + milliseconds (hubspot-api-client 12.0 utils/signature.py)."""
    signature, at = _header(asked, "x-hubspot-signature-v3"), _header(asked, "x-hubspot-request-timestamp")
    urls = dict.fromkeys(form for url in asked.urls for form in (_hubspot_url(url), url))
    end = asked.body + at.encode("latin-1", "replace")
    texts = [f"{asked.method}{url}".encode() + end for url in urls]
    return Claim([signature], texts, _seconds(at) / 1000, base64.b64encode)


def _hubspot_url(url: str) -> str:
    return _ENCODED.sub(lambda found: _DECODED[found.group().upper()], url)


def _asana(asked: Asked) -> Claim:
    """Hexadecimal over the body."""
    return Claim([_header(asked, "x-hook-signature")], [asked.body], None, _hex)


def _jira(asked: Asked) -> Claim:
    """sha256=<hex> over the body (WebSub)."""
    method, _, signature = _header(asked, "x-hub-signature").partition("=")
    if method != "sha256":
        raise Refusal(401, "no_signature", "X-Hub-Signature is not sha256=…")
    return Claim([signature], [asked.body], None, _hex)


def _standard(asked: Asked) -> Claim:
    """v1,<base64>[ v1,<base64>…] over "id.seconds.body" (standardwebhooks.com); other versions are for others."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    sent_id, at, told = (_header(asked, name) for name in names)
    parts = [part.partition(",") for part in told.split(" ")]
    signatures = [value for version, _, value in parts if version == "v1"]
    return Claim(signatures, [f"{sent_id}.{at}.".encode() + asked.body], _seconds(at), base64.b64encode)


CLAIMS: Mapping[str, Callable[[Asked], Claim]] = {
    "asana": _asana,
    "hubspot": _hubspot,
    "jira": _jira,
    "standard": _standard,
    "stripe": _stripe,
}


def _header(asked: Asked, name: str) -> str:
    found = asked.headers.get(name)
    if not found:
        raise Refusal(401, "no_signature", f"the request has no header {name}")
    return found


def _seconds(text: str) -> float:
    if not _TIME.fullmatch(text):
        raise Refusal(401, "bad_timestamp", "the time of the signature is no whole number")
    return float(text)


def _hex(digest: bytes) -> bytes:
    return digest.hex().encode()
