"""Who a request comes from: tokens that nobody guesses, and ids that follow from them.

A participant's id is a digest of their token. A server that has been restarted, and remembers
nobody, therefore gives a participant who shows their token again the same id; and nobody can
take the id of another, which everybody sees, without the token, which nobody sees.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_ROOM = re.compile(r"[A-Za-z0-9._-]{1,100}")


def new_token() -> str:
    """256 random bits as URL-safe text."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_token(text: object) -> bool:
    """Whether it has the form of a token."""
    return isinstance(text, str) and _TOKEN.fullmatch(text) is not None


def participant_id(token: str, room: str) -> str:
    """The id that belongs to a token in a room: 16 characters of base32 (80 bits)."""
    digest = hashlib.sha256(f"mixer participant\0{room}\0{token}".encode()).digest()
    return base64.b32encode(digest[:10]).decode("ascii").lower()


def is_room_name(name: str) -> bool:
    """[A-Za-z0-9._-]{1,100}, and not a name that paths give a meaning to."""
    return _ROOM.fullmatch(name) is not None and name not in (".", "..")
