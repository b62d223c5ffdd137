"""Operators in the database: who may use the dashboard. Passwords are hashed with argon2id.

The first one is made with a one-time link that `mixer serve` prints: its token is derived from the
installation's key, and worth nothing as soon as there is an operator. Further ones are made, and
forgotten passwords replaced, by `mixer app operator EMAIL`.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import hmac
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ..errors import UsageError
from ..records import Database
from ..records.models import Operator, Secret
from ..service.context import now_ms

MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 12, 200
_EMAIL = re.compile(r"[^@\s]{1,100}@[^@\s]{1,140}")
_hasher = PasswordHasher()
_hashing = ThreadPoolExecutor(1, "passwords")  # guesses wait for each other, nothing else for them
Result = TypeVar("Result")


def setup_token(key: bytes) -> str:
    """Of the one-time link."""
    digest = hmac.digest(key, b"dashboard: the first operator", hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:24]).decode()


async def exist(database: Database) -> bool:
    async with database.reading() as db:
        return await db.scalar(select(Operator.email).limit(1)) is not None


async def list_all(database: Database) -> list[Operator]:
    async with database.reading() as db:
        return list(await db.scalars(select(Operator).order_by(Operator.created_at)))


async def find(database: Database, email: str) -> Operator | None:
    async with database.reading() as db:
        return await db.get(Operator, email)


async def add_first(database: Database, email: str, password: str) -> Operator:
    """Raises UsageError when there is one already, or for an impossible address or password."""
    row = await _row(email, password)
    try:
        async with database.writing() as db:
            await db.get(Secret, "tokens", with_for_update=True)  # one at a time, on any server
            if await db.scalar(select(Operator.email).limit(1)) is not None:
                raise UsageError("there is an operator already: log in, or ask them")
            db.add(row)
    except IntegrityError:
        raise UsageError("there is an operator already: log in, or ask them") from None
    return row


async def put(database: Database, email: str, password: str) -> bool:
    """A new operator, or a new password for one; their sessions end. True: it is a new one.

    Raises UsageError for an impossible address or password.
    """
    row = await _row(email, password)
    async with database.writing() as db:
        known = await db.get(Operator, row.email)
        if known is None:
            db.add(row)
        else:
            known.password_hash = row.password_hash
    return known is None


async def remove(database: Database, email: str) -> None:
    """Raises UsageError when there is no such operator."""
    async with database.writing() as db:
        row = await db.get(Operator, email.strip().casefold())
        if row is None:
            raise UsageError(f"there is no operator {email!r}")
        await db.delete(row)


async def authenticate(database: Database, email: str, password: str) -> Operator | None:
    """The operator whose password this is. Takes as long for an address that nobody has."""
    row = await find(database, email.strip().casefold())
    known = row.password_hash if row is not None else await _apart(_nobodys_hash)
    return row if await _apart(_is_password, known, password) else None


def fingerprint(operator: Operator) -> str:
    """Changes with the password; says nothing about it."""
    return hashlib.sha256(operator.password_hash.encode()).hexdigest()[:16]


async def _row(email: str, password: str) -> Operator:
    email = email.strip().casefold()
    if not _EMAIL.fullmatch(email) or not email.isprintable():
        raise UsageError("give an e-mail address, such as ada@example.org")
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise UsageError(f"a password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
    hashed = await _apart(_hasher.hash, password)
    return Operator(email=email, password_hash=hashed, created_at=now_ms())


async def _apart(function: Callable[..., Result], *values: str) -> Result:
    """On the thread of the hashes: each takes 64 MB and a processor for a while."""
    return await asyncio.get_running_loop().run_in_executor(_hashing, function, *values)


@functools.cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody's password")


def _is_password(known: str, given: str) -> bool:
    try:
        return _hasher.verify(known, given[:MAX_PASSWORD_CHARS])
    except (Argon2Error, InvalidHashError):
        return False
