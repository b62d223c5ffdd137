"""Signatures that the platform's receivers and those of Standard Webhooks accept."""

from __future__ import annotations

import base64
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from mixer.webhooks.signing import (
    AHEAD_MS,
    KEPT_MS,
    SigningKey,
    application_secret,
    published_keys,
    signature_headers,
    signing_key,
)

SECRET = application_secret(b"r" * 32, "app")


def test_the_contracts_vector() -> None:
    """Seed 00…1f, the contract's time and body (5.5)."""
    key = SigningKey("k1", bytes(range(32)), 0)
    body = '{"eventType":"Recordings.Available"}'
    headers = signature_headers(key, SECRET, "msg_1", body, 1_700_000_000_999)
    wanted = (
        "aF+5snW8B014rH4KEpjqqII73cXscROW5MuDnyZFdCJPsxJ4b6OorszeHbSgD0Wf1fcIKUc69xF14n3A/zTEDA=="
    )
    assert headers["Dolby-Signature"] == f"t=1700000000,k=k1,s={wanted}"
    assert key.public == "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="


def test_standard_webhooks_libraries_accept_it() -> None:
    """The published library checks `v1`; `v1a` is checked by its specification."""
    key = SigningKey("k1", bytes(range(32)), 0)
    body = '{"name":"Ü"}'
    headers = signature_headers(key, SECRET, "msg_1", body, round(time.time() * 1000))
    assert Webhook(SECRET).verify(body, headers) == {"name": "Ü"}
    signature = headers["webhook-signature"].split(" ")[0].removeprefix("v1a,")
    signed = f"msg_1.{headers['webhook-timestamp']}.{body}".encode()
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public))
    public.verify(base64.b64decode(signature), signed)


def test_applications_have_different_secrets() -> None:
    """One application cannot sign what another accepts."""
    assert application_secret(b"r" * 32, "other") != SECRET
    assert SECRET.startswith("whsec_")


@given(st.lists(st.integers(0, 5 * KEPT_MS), min_size=1, max_size=6), st.integers(0, 6 * KEPT_MS))
def test_rotation_loses_nothing(created: list[int], now: int) -> None:
    """What was signed within the last day by the key of then can be checked now; and the key that
    signs was published before it signed, unless it was the first."""
    keys = [SigningKey(str(n), bytes(32), at) for n, at in enumerate(sorted(created))]
    there = [key for key in keys if key.created_at <= now] or keys[:1]
    published = published_keys(there, now)
    for then in (now, now - KEPT_MS // 2, now - KEPT_MS):
        known_then = [key for key in there if key.created_at <= then]
        if known_then:
            signed_by = signing_key(known_then, then)
            assert signed_by in published
            assert signed_by is known_then[0] or signed_by.created_at <= then - AHEAD_MS
