"""Applications: who uses the API, with what settings.

A secret is 256 random bits, so that its SHA-256 is as good as a slow hash: nobody can try 2^256
of them however quick a try is, and a request for a token costs microseconds instead of the 50 ms
of argon2. It is shown once, at creation. (People's passwords are another matter:
mixer/dashboard/operators.py hashes those with argon2.)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from weakref import WeakKeyDictionary

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import UsageError
from ..records import Database
from ..records import models as tables
from .context import now_ms
from .web_addresses import layout_of, web_address

log = structlog.get_logger()

EVENTS = (
    "Recordings.Available",
    "Recording.Live.InProgress",
    "Recording.Failed",
    "Conference.Created",
    "Conference.Ended",
    "Participant.Joined",
    "Participant.Left",
)
DEPRECATED_EVENTS = ("Recording.MP4.Available", "Recording.Audio.Available")
MAX_NAME_CHARS = 200
FRESH_S = 1.0  # what another process sets holds after this time
REMEMBERED = 1000

_Seen = dict[str, tuple[float, "Application"]]
_seen: WeakKeyDictionary[Database, _Seen] = WeakKeyDictionary()


def _webhook(url: str | None) -> str | None:
    """'' is None: that is how one takes it away."""
    if url:
        web_address(url)
    return url or None


def _layout(url: str | None) -> str | None:
    """Whether private addresses may be is asked when something is recorded."""
    layout_of(url, allow_private=True)
    return url or None


def _known_events(events: list[str]) -> list[str]:
    unknown = [event for event in events if event not in (*EVENTS, *DEPRECATED_EVENTS)]
    if unknown:
        known = ", ".join((*EVENTS, *DEPRECATED_EVENTS))
        raise ValueError(f"there is no event {unknown[0]!r}; there are {known}")
    return list(dict.fromkeys(events))


Days = Annotated[int, Field(ge=1, le=3650)]


class ApplicationSettings(BaseModel):
    """What can be set for an application; a conference's own parameters take precedence."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    recording_format: Literal["mp3", "mp4", "both"] = "mp4"
    live_recording: bool = False  # of conferences created without saying
    participant_audio: bool = False  # a file for each participant, with MP3 and both
    layout_url: Annotated[str | None, AfterValidator(_layout)] = None  # None: the default layout
    access_control: bool = False  # joining takes a conference access token
    signed_urls: bool = True  # secured service provisioning
    webhook_url: Annotated[str | None, AfterValidator(_webhook)] = None
    webhook_events: Annotated[list[str], AfterValidator(_known_events)] = list(EVENTS)
    retention_mix_days: Days = 180
    retention_participant_days: Days = 15
    retention_raw_days: Days = 30
    max_participants: int = Field(default=100, ge=1, le=1000)  # people in one conference


@dataclass(frozen=True, slots=True)
class Application:
    """One application, without its secret."""

    key: str
    name: str
    settings: ApplicationSettings
    created_at: int  # epoch ms


async def create(database: Database, name: str, webhook_url: str | None = None) -> tuple[str, str]:
    """A new application's key and secret. Raises UsageError for an impossible name or address."""
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
        raise UsageError(f"an application's name has 1 to {MAX_NAME_CHARS} printable characters")
    settings = _checked({"webhook_url": webhook_url})
    # Keys look like the platform's, without what URLs and shells give a meaning to.
    key = base64.urlsafe_b64encode(secrets.token_bytes(15)).decode().replace("-", "A")
    secret = secrets.token_urlsafe(32)
    async with database.writing() as db:
        db.add(
            tables.Application(
                key=key,
                name=name,
                secret_hash=_digest(secret),
                settings=_stored(settings),
                created_at=now_ms(),
            )
        )
    return key, secret


async def renew_secret(database: Database, key: str) -> str:
    """A new secret instead of the old one, with which nobody gets a token any more.

    Tokens that are out stay good until they expire. Raises UsageError: no such application.
    """
    secret = secrets.token_urlsafe(32)
    async with database.writing() as db:
        (await _row(db, key)).secret_hash = _digest(secret)
    return secret


async def authenticate(database: Database, key: str, secret: str) -> Application | None:
    """The application whose key and secret these are, None when they are not."""
    async with database.reading() as db:
        row = await db.get(tables.Application, key)
    known = row.secret_hash if row is not None else _digest("")
    same = hmac.compare_digest(known, _digest(secret))
    return _value(row) if row is not None and same else None


async def get(database: Database, key: str) -> Application | None:
    """The application with that key, None when there is none."""
    of_key = tables.Application.key == key
    (found,) = await database.fetched(select(*tables.Application.__table__.columns).where(of_key))
    return _value(found[0]) if found else None


async def existing(database: Database, key: str) -> Application:
    """As `get`. Raises UsageError where there is none."""
    found = await get(database, key)
    if found is None:
        raise _unknown(key)
    return found


async def known(database: Database, key: str) -> Application | None:
    """As `get`, as it was within the last second: for requests that come in hundreds."""
    seen = _seen.setdefault(database, {})
    at, found = seen.get(key, (float("-inf"), None))
    now = time.monotonic()
    if found is not None and now - at < FRESH_S:
        return found
    found = await get(database, key)
    if found is not None:
        if len(seen) >= REMEMBERED:
            seen.clear()
        seen[key] = now, found
    return found


async def change(database: Database, key: str, fields: Mapping[str, Any]) -> Application:
    """Sets some fields of the settings. Raises UsageError: no such application, no such value."""
    async with database.writing() as db:
        row = await _row(db, key)
        row.settings = _stored(_checked({**_stored(stored_settings(row.settings)), **fields}))
    _seen.pop(database, None)
    return _value(row)


async def list_all(database: Database) -> list[Application]:
    """All applications, oldest first."""
    chosen = select(tables.Application).order_by(tables.Application.created_at)
    async with database.reading() as db:
        rows = await db.scalars(chosen)
    return [_value(row) for row in rows]


async def _row(db: AsyncSession, key: str) -> tables.Application:
    row = await db.get(tables.Application, key, with_for_update=True)
    if row is None:
        raise _unknown(key)
    return row


def _unknown(key: str) -> UsageError:
    return UsageError(f"there is no application with the key {key!r}: `mixer app list`")


def _digest(secret: str) -> str:
    return "sha256:" + hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _value(row: tables.Application | Row[Any]) -> Application:
    return Application(row.key, row.name, stored_settings(row.settings), row.created_at)


def _stored(settings: ApplicationSettings) -> dict[str, Any]:
    """Only what differs from the defaults, so that better defaults reach old applications."""
    return settings.model_dump(mode="json", exclude_defaults=True)


def stored_settings(stored: Mapping[str, Any]) -> ApplicationSettings:
    """Without what another version has stored and this one does not take: the rest has to hold."""
    try:
        return ApplicationSettings(**stored)
    except ValidationError as error:
        wrong = {one["loc"][0] for one in error.errors()}
        log.warning("application.setting_disregarded", settings=sorted(map(str, wrong)))
        return ApplicationSettings(**{k: v for k, v in stored.items() if k not in wrong})


def _checked(fields: Mapping[str, Any]) -> ApplicationSettings:
    try:
        return ApplicationSettings(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(ApplicationSettings.model_fields)
            raise UsageError(f"there is no setting {name!r}; there are {known}") from None
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"setting {name}: {reason}") from None
