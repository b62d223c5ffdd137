"""Signatures of events: the platform's header and those of Standard Webhooks. Pure.

Both are Ed25519 by the same key: `Dolby-Signature` over `TIME.BODY` (contract 5.5), and `v1a` of
Standard Webhooks (standardwebhooks.com, "Signature scheme") over `ID.TIME.BODY`. Beside that `v1`,
HMAC with a secret of the application, which is what most of that standard's libraries check.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

AHEAD_MS = 2 * 60 * 1000  # a new key is published for so long before it signs
KEPT_MS = 24 * 3600 * 1000  # and an old one after it has signed last

SECRET_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`id` has neither `,` nor `=` in it, since receivers cut headers at those."""

    id: str
    seed: bytes  # 32 bytes
    created_at: int  # epoch ms

    @property
    def public(self) -> str:
        """Base64 of the raw 32 bytes."""
        return _base64(self._key().public_key().public_bytes_raw())

    def sign(self, message: bytes) -> str:
        return _base64(self._key().sign(message))

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def signing_key(keys: Sequence[SigningKey], now: int) -> SigningKey:
    """The one that signs now: the newest that has been published for long enough.

    `keys`: at least one, oldest first.
    """
    known = [key for key in keys if key.created_at + AHEAD_MS <= now]
    return known[-1] if known else keys[0]


def published_keys(keys: Sequence[SigningKey], now: int) -> list[SigningKey]:
    """Those by which an event can be signed that is still on its way, or soon will be."""
    last_use = [key.created_at + AHEAD_MS for key in keys[1:]]
    return [
        key
        for key, until in zip(keys, [*last_use, None], strict=True)
        if until is None or now <= until + KEPT_MS
    ]


def application_secret(root: bytes, app_key: str) -> str:
    """An application's secret for `v1`, as Standard Webhooks writes it: `whsec_…`."""
    return SECRET_PREFIX + _base64(hmac.digest(root, app_key.encode(), hashlib.sha256))


def signature_headers(
    key: SigningKey, secret: str, uid: str, body: str, now: int
) -> dict[str, str]:
    """The headers of one attempt; `now` in epoch ms. Each attempt is signed anew."""
    at = now // 1000
    platform = key.sign(f"{at}.{body}".encode())
    asymmetric = key.sign(f"{uid}.{at}.{body}".encode())
    symmetric = Webhook(secret).sign(uid, datetime.fromtimestamp(at, UTC), body)
    return {
        "Dolby-Signature": f"t={at},k={key.id},s={platform}",
        "webhook-id": uid,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1a,{asymmetric} {symmetric}",
    }


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
