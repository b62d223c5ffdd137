"""Addresses of our own that need no token: signed with a key of this installation, until a time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote

UNTIL_DELETED = 0  # instead of a time: for as long as the file is there


class Signed:
    """Signs `/v1/downloads/KEY?expires=SECONDS&signature=…`. `base_url` has no slash at its end.

    The signature is HMAC-SHA-256 over the time and the key, so neither can be changed. It is begun
    with the secret once: a page of the Monitor API has a hundred addresses.
    """

    def __init__(self, secret: bytes, base_url: str) -> None:
        self._begun = hmac.new(secret, digestmod=hashlib.sha256)
        self._base = f"{base_url}/v1/downloads/"

    def url(self, key: str, expires: int) -> str:
        """`expires`: epoch seconds, or UNTIL_DELETED."""
        signature = self._signature(key, expires)
        return f"{self._base}{quote(key)}?expires={expires}&signature={signature}"

    def plain_url(self, key: str) -> str:
        """Without a signature: who asks for it sends an API token."""
        return f"{self._base}{quote(key)}"

    def is_genuine(self, key: str, expires: int, signature: str) -> bool:
        """In constant time. Says nothing about whether the time has come."""
        wanted = self._signature(key, expires)
        return hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "surrogatepass"))

    def _signature(self, key: str, expires: int) -> str:
        signing = self._begun.copy()
        signing.update(f"{expires}\n{key}".encode("utf-8", "surrogatepass"))
        return base64.urlsafe_b64encode(signing.digest()).rstrip(b"=").decode()
