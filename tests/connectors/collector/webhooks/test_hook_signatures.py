"""Signatures: what a vendor's library signs is taken in time, and nothing else. Checked against those libraries."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError
from stripe import SignatureVerificationError, WebhookSignature

from connectors.collector.http.protocol import Refusal
from connectors.collector.webhooks.signatures import verify
from connectors.systems.discovery import webhook_systems
from connectors.systems.webhook import Asked
from tests.support.vendors import SECRETS, body_of, signed

URL = "https://hooks.example.com/hooks/acme/hubspot/hook_1"
NOW = 1_772_359_300.0
TIMED = ("hubspot", "standard", "stripe")
# The headers of each system that its signature covers, or that carry it.
COVERED = {
    "asana": ["X-Hook-Signature"],
    "hubspot": ["X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp"],
    "jira": ["X-Hub-Signature"],
    "standard": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "stripe": ["Stripe-Signature"],
}


def asked(headers: dict[str, str], body: bytes, *urls: str) -> Asked:
    return Asked("POST", urls or (URL,), {name.lower(): value for name, value in headers.items()}, body)


def refused(system: str, request: Asked, secrets: list[str] | None = None, now: float = NOW) -> str | None:
    """The code of the refusal; None: taken."""
    try:
        verify(system, request, [SECRETS[system]] if secrets is None else secrets, now)
    except Refusal as no:
        assert no.status == 401 and no.message
        return no.code
    return None


def test_every_system_that_can_deliver_has_its_signatures_checked() -> None:
    assert set(webhook_systems()) == set(SECRETS) == set(COVERED)


@given(system=st.sampled_from(sorted(COVERED)), text=st.text())
def test_what_the_vendor_signed_is_taken(system: str, text: str) -> None:
    body = text.encode()
    assert refused(system, asked(signed(system, body, URL, at=NOW), body)) is None


@given(system=st.sampled_from(sorted(COVERED)), number=st.integers(0, 99), at=st.integers(min_value=0))
def test_a_flipped_bit_in_the_body_is_refused(system: str, number: int, at: int) -> None:
    body = body_of(system, number)
    flipped = bytearray(body)
    flipped[(at // 8) % len(body)] ^= 1 << at % 8
    assert refused(system, asked(signed(system, body, URL, at=NOW), bytes(flipped))) == "bad_signature"


@given(system=st.sampled_from(sorted(COVERED)), data=st.data())
def test_a_flipped_bit_in_a_header_that_is_signed_or_signs_is_refused(system: str, data: st.DataObject) -> None:
    body = body_of(system, 1)
    headers = signed(system, body, URL, at=NOW)
    name = data.draw(st.sampled_from(COVERED[system]))
    value = bytearray(headers[name].encode())
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert refused(system, asked(headers | {name: value.decode("latin-1")}, body)) is not None


@given(
    system=st.sampled_from(sorted(COVERED)),
    values=st.lists(
        st.text(st.characters(max_codepoint=255)) | st.from_regex(r"(t=\d*,?|v1[=,]|sha256=|\d+)*"), min_size=3
    ),
)
def test_no_headers_are_answered_with_anything_but_a_refusal(system: str, values: list[str]) -> None:
    headers = dict(zip(COVERED[system], values, strict=False))
    assert refused(system, asked(headers, b"{}")) in ("no_signature", "bad_timestamp", "bad_signature")


@given(
    text=st.text(), at=st.integers(int(NOW) - 400, int(NOW) + 200), other=st.sampled_from(["", "x"]), header=st.data()
)
def test_stripe_s_own_library_takes_what_we_take(text: str, at: int, other: str, header: st.DataObject) -> None:
    made = WebhookSignature.generate_signature_header(text, SECRETS["stripe"], timestamp=at)
    cut = header.draw(st.integers(0, len(made)))
    given_header = made[:cut] + header.draw(st.sampled_from(["", ",", " ", "v1=ab,", "=", "0"])) + made[cut:]
    body = (text + other).encode()
    if refused("stripe", asked({"Stripe-Signature": given_header}, body)) is None:
        WebhookSignature.verify_header(text + other, given_header, SECRETS["stripe"])
        assert at >= NOW - 300
    elif given_header == made and not other:
        assert at < NOW - 300, "we refused what is right, in time"
    else:
        # Theirs is laxer on spaces and signs.
        assume(other)
        with pytest.raises(SignatureVerificationError):
            WebhookSignature.verify_header(text + other, given_header, SECRETS["stripe"])


@pytest.mark.parametrize("ours", [True, False])
def test_the_library_of_standard_webhooks_agrees(ours: bool) -> None:
    import time

    now, body = time.time(), body_of("standard", 1)
    headers = signed("standard", body, URL, at=now)
    if not ours:
        headers["webhook-signature"] = signed("standard", body + b" ", URL, at=now)["webhook-signature"]
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRETS["standard"]).verify(body, headers)
    else:
        Webhook(SECRETS["standard"]).verify(body, headers)
    assert (refused("standard", asked(headers, body), now=now) is None) is ours


@pytest.mark.parametrize("system", TIMED)
def test_a_signature_counts_for_five_minutes_either_way(system: str) -> None:
    body = body_of(system, 1)
    request = asked(signed(system, body, URL, at=NOW), body)
    assert [refused(system, request, now=NOW + late) for late in (-301, -300, 0, 300, 301)] == [
        "too_new",
        None,
        None,
        None,
        "too_old",
    ]


@pytest.mark.parametrize("system", TIMED)
def test_a_wrong_signature_is_called_wrong_whatever_its_time(system: str) -> None:
    body = body_of(system, 1)
    assert refused(system, asked(signed(system, body, URL, at=1), body + b" ")) == "bad_signature"


@pytest.mark.parametrize("system", sorted(COVERED))
def test_either_of_two_secrets_counts_and_no_third(system: str) -> None:
    other = {"standard": "whsec_YW5vdGhlciBzZWNyZXQgb2YgMjQgYnl0ZXM="}.get(system, "another secret")
    body = body_of(system, 1)
    for secret in (SECRETS[system], other):
        request = asked(signed(system, body, URL, at=NOW, secret=secret), body)
        assert refused(system, request, [SECRETS[system], other]) is None
    third = "whsec_dGhpcmQ=" if system == "standard" else "a third"
    assert refused(system, asked(signed(system, body, URL, at=NOW, secret=third), body), [SECRETS[system], other])
    assert refused(system, request, []) == "bad_signature"


@pytest.mark.parametrize("system", ["standard", "stripe"])
def test_of_several_signatures_one_has_to_be_right_and_other_versions_are_passed_over(system: str) -> None:
    body = body_of(system, 1)
    headers = signed(system, body, URL, at=NOW)
    if system == "stripe":
        at, right = headers["Stripe-Signature"].split(",")
        for header in (f"{at},v0=abc,{'v1=' + 'a' * 64},{right}", f"{at},{right},v1=", f"{right},{at}"):
            assert refused(system, asked({"Stripe-Signature": header}, body)) is None
        for header in (at, f"{at},{right.replace('v1', 'v0')}", right):
            assert refused(system, asked({"Stripe-Signature": header}, body))
    else:
        right = headers["webhook-signature"]
        for header in (f"v1a,abc v1,wrong {right}", f"{right} v2,x", f"junk {right}"):
            assert refused(system, asked(headers | {"webhook-signature": header}, body)) is None
        for header in (right.replace("v1,", "v1a,"), right.replace("v1,", "")):
            assert refused(system, asked(headers | {"webhook-signature": header}, body)) == "bad_signature"


def test_the_secret_of_standard_webhooks_is_base64_with_or_without_its_prefix() -> None:
    body = body_of("standard", 1)
    request = asked(signed("standard", body, URL, at=NOW), body)
    assert refused("standard", request, [SECRETS["standard"].removeprefix("whsec_")]) is None
    short = base64.b64encode(b"fifteen bytes..").decode()
    for wrong in ("whsec_", "whsec_a", f"whsec_{short}", SECRETS["standard"].replace("Z", "-"), "not a secret, is it?"):
        with pytest.raises(ValueError, match="whsec_"):
            verify("standard", request, [wrong], NOW)


def test_hubspot_signs_a_url_of_which_it_decoded_some_characters() -> None:
    body = body_of("hubspot", 1)
    encoded = URL + "?q=%3a%2F%3F%40%21%24%27%28%29%2A%2C%3B%20%26%25"
    decoded = URL + "?q=:/?@!$'()*,;%20%26%25"
    assert refused("hubspot", asked(signed("hubspot", body, decoded, at=NOW), body, encoded)) is None
    assert refused("hubspot", asked(signed("hubspot", body, encoded, at=NOW), body, encoded)) is None
    assert refused("hubspot", asked(signed("hubspot", body, URL + "?q=", at=NOW), body, encoded)) == "bad_signature"


def test_hubspot_may_have_signed_any_of_the_public_urls_and_no_other() -> None:
    body = body_of("hubspot", 1)
    headers = signed("hubspot", body, URL, at=NOW)
    assert refused("hubspot", asked(headers, body, URL.replace("https", "http"), URL)) is None
    assert refused("hubspot", asked(headers, body, URL.replace("https", "http"))) == "bad_signature"
    assert refused("hubspot", asked(headers, body, URL + "2")) == "bad_signature"


def test_a_sha1_signature_of_websub_is_refused() -> None:
    body = body_of("jira", 1)
    digest = hmac.new(SECRETS["jira"].encode(), body, hashlib.sha1).hexdigest()
    assert refused("jira", asked({"X-Hub-Signature": f"sha1={digest}"}, body)) == "no_signature"


@given(system=st.sampled_from(sorted(COVERED)), value=st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_the_body_is_signed_as_bytes_not_as_what_it_means(system: str, value: Any) -> None:
    body = json.dumps({"v": value}).encode()
    headers = signed(system, body, URL, at=NOW)
    assert refused(system, asked(headers, body)) is None
    assert refused(system, asked(headers, json.dumps({"v": value}, indent=1).encode())) == "bad_signature"
