"""Addresses of our own that need no token: signed with a key of this installation, until a time."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from urllib.parse import quote

UNTIL_DELETED = 0  # instead of a time: for as long as the file is there
_BLOCK_BYTES = 64  # of SHA-256
_URL_SAFE = bytes.maketrans(b"+/", b"-_")  # base64url (RFC 4648, section 5)
_UNRESERVED = re.compile(r"[A-Za-z0-9._~/-]*")  # what `quote` leaves as it is


class Signed:
    """Signs `/v1/downloads/KEY?expires=SECONDS&signature=…`. `base_url` has no slash at its end.

    The signature is HMAC-SHA-256 over the time and the key, so neither can be changed. Both of its
    hashes begin with the secret (RFC 2104): they are kept as they are after it, which takes a third
    of the time of `hmac.digest`. A page of the Monitor API has a hundred addresses.
    """

    def __init__(self, secret: bytes, base_url: str) -> None:
        padded = _padded(secret)
        self._inner = hashlib.sha256(bytes(one ^ 0x36 for one in padded))
        self._outer = hashlib.sha256(bytes(one ^ 0x5C for one in padded))
        self._base = f"{base_url}/v1/downloads/"

    def url(self, key: str, expires: int) -> str:
        """`expires`: epoch seconds, or UNTIL_DELETED."""
        signature = self._signature(key, expires)
        return f"{self._base}{_quoted(key)}?expires={expires}&signature={signature}"

    def plain_url(self, key: str) -> str:
        """Without a signature: who asks for it sends an API token."""
        return f"{self._base}{_quoted(key)}"

    def is_genuine(self, key: str, expires: int, signature: str) -> bool:
        """In constant time. Says nothing about whether the time has come."""
        wanted = self._signature(key, expires)
        return hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "surrogatepass"))

    def _signature(self, key: str, expires: int) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"{expires}\n{key}".encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        text = binascii.b2a_base64(outer.digest(), newline=False)
        return text.translate(_URL_SAFE, b"=").decode()


def _padded(secret: bytes) -> bytes:
    short = secret if len(secret) <= _BLOCK_BYTES else hashlib.sha256(secret).digest()
    return short.ljust(_BLOCK_BYTES, b"\0")


def _quoted(key: str) -> str:
    return key if _UNRESERVED.fullmatch(key) else quote(key)
