"""Addresses of our own: nothing in them can be changed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qs, quote, unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from mixer.storage import Signed

signed = Signed(b"s" * 32, "https://mixer.example.org")
texts = st.text(max_size=40)


@given(texts, st.integers(0, 2**40))
def test_what_was_signed_is_genuine(key: str, expires: int) -> None:
    """Any key comes through an address unchanged."""
    parts = urlsplit(signed.url(key.encode(errors="ignore").decode(), expires))
    query = parse_qs(parts.query)
    found = unquote(parts.path.removeprefix("/v1/downloads/"))
    assert signed.is_genuine(found, int(query["expires"][0]), query["signature"][0])


@given(texts, st.integers(0, 2**40), texts, st.integers(0, 2**40))
def test_nothing_else_is(key: str, expires: int, other: str, later: int) -> None:
    """Neither another file, nor another time, nor another installation's key."""
    signature = signed._signature(key, expires)
    if (other, later) != (key, expires):
        assert not signed.is_genuine(other, later, signature)
    assert not signed.is_genuine(key, expires, signature + "A")
    assert not signed.is_genuine(key, expires, other)
    assert not Signed(b"t" * 32, "").is_genuine(key, expires, signature)


@given(st.binary(max_size=200), texts, st.integers(0, 2**40))
def test_addresses_are_as_they_always_were(secret: bytes, key: str, expires: int) -> None:
    """HMAC-SHA-256 in base64url, whatever the secret's length: what was given out stays good."""
    key = key.encode(errors="ignore").decode()
    digest = hmac.digest(secret, f"{expires}\n{key}".encode(), hashlib.sha256)
    signature = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    address = f"https://x/v1/downloads/{quote(key)}?expires={expires}&signature={signature}"
    assert Signed(secret, "https://x").url(key, expires) == address
