"""The outbox: events in, within the transaction that makes them true; out to receivers.

An event is claimed before it is sent, by moving its next attempt a lease into the future: who dies
meanwhile has the others try it again. Of a conference only the oldest pending event is ever
claimed, so its events arrive in order, and one that fails holds up those of no other conference.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Text, cast, event, exists, literal_column, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from ..errors import StorageError
from ..records import Database
from ..records.models import Application, Conference, Event, Recording
from ..service.applications import stored_settings
from ..service.context import now_ms
from ..storage import Storage
from .bodies import envelope, rendered
from .destination import Answer, Destination
from .keys import WebhookKeys
from .schedule import next_attempt
from .signing import signature_headers

if TYPE_CHECKING:
    from ..service.settings import ServiceSettings

log = structlog.get_logger()

LEASE_MS = 40_000  # more than an attempt can take
AT_ONCE = 32
AT_ONCE_EACH = 8  # of one application: a slow receiver leaves room for the others
POLL_S = 1.0  # for events of other instances, and those whose time comes
GONE = "its recordings were deleted before it could be sent"
# written out, not given as a parameter: only so an index of pending events is known to have it
PENDING: Any = literal_column("'pending'")
UNWANTED = "the application has no webhook address any more"


class Outbox:
    """`add` in transactions, `run` as a task of each instance."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        keys: WebhookKeys,
        destination: Destination,
        *,
        region: str,
        lease_ms: int = LEASE_MS,
    ) -> None:
        self.keys = keys
        self._database = database
        self._storage = storage
        self._destination = destination
        self._region = region
        self._lease_ms = lease_ms
        self._wake = asyncio.Event()
        self._flying: Counter[str] = Counter()  # attempts now, by application

    async def add(
        self,
        db: AsyncSession,
        app_key: str,
        conference_id: str,
        type: str,
        body: Mapping[str, Any],
        recordings: Sequence[str] = (),
    ) -> None:
        """Adds an event to the caller's transaction; nothing if the application wants none.

        `body`: what comes beside the envelope. `recordings`: ids; addresses come at sending.
        """
        app = await db.get(Application, app_key)
        settings = stored_settings(app.settings) if app is not None else None
        if settings is None or not settings.webhook_url or type not in settings.webhook_events:
            return
        conference = await db.get_one(Conference, conference_id)
        # Numbers are given before transactions end: of one conference one at a time, or a later
        # event could be seen, and sent, before an earlier one (PostgreSQL).
        locked = select(Conference.id).where(Conference.id == conference_id)
        await db.execute(locked.with_for_update(key_share=True))
        now = now_ms()
        db.add(
            Event(
                uid=f"msg_{uuid.uuid4().hex}",
                app_key=app_key,
                conference_id=conference_id,
                type=type,
                body={**envelope(type, conference, self._region), **body},
                recordings=list(recordings),
                url=settings.webhook_url,
                state="pending",
                attempts=0,
                next_attempt_at=now,
                created_at=now,
            )
        )
        event.listen(db.sync_session, "after_commit", lambda _: self._wake.set(), once=True)

    async def send_again(self, app_key: str, uid: str) -> bool:
        """Sends an event once more, whatever became of it. False: there is no such event, or it
        cannot be sent any more; what is known of its attempts stays as it is then."""
        chosen = select(Event).where(Event.uid == uid, Event.app_key == app_key)
        async with self._database.writing() as db:
            one = await db.scalar(chosen.with_for_update())
            if one is None:
                return False
            settings = stored_settings((await db.get_one(Application, app_key)).settings)
            rows = await _recordings(db, one.recordings)
            if _obstacle(one, settings.webhook_url, rows) is not None:
                return False
            one.state, one.attempts, one.next_attempt_at = "pending", 0, now_ms()
        self._wake.set()
        return True

    async def run(self) -> None:
        """Delivers until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._wake.clear()
                    claimed = await self._claimed()
                    for one in claimed:
                        group.create_task(self._delivered(one))
                    if not claimed:
                        # not wait_for: Python 3.11's loses a cancellation that comes as it ends
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(POLL_S):
                                await self._wake.wait()
        finally:
            await self._destination.close()

    async def _claimed(self) -> list[Event]:
        """Events that are due, now ours for the time of a lease."""
        try:
            return await self._claim(AT_ONCE - self._flying.total())
        except SQLAlchemyError as error:
            log.warning("webhooks.database_failed", error=str(error).splitlines()[0][:200])
            return []

    async def _claim(self, most: int) -> list[Event]:
        due = _due(now_ms(), [app for app, n in self._flying.items() if n >= AT_ONCE_EACH])
        if most <= 0:
            return []
        async with self._database.reading() as db:  # most looks find nothing: no write lock
            if await db.scalar(due.limit(1)) is None:
                return []
        async with self._database.writing() as db:
            query = due.limit(most).with_for_update(skip_locked=True, of=Event)
            found = self._within_limits(await db.scalars(query))
            for one in found:
                one.attempts += 1
                one.next_attempt_at = now_ms() + self._lease_ms
        for one in found:
            self._flying[one.app_key] += 1
        return found

    def _within_limits(self, found: Iterable[Event]) -> list[Event]:
        """No more of an application than may fly at once."""
        flying = self._flying.copy()
        kept = []
        for one in found:
            if flying[one.app_key] < AT_ONCE_EACH:
                flying[one.app_key] += 1
                kept.append(one)
        return kept

    async def _delivered(self, one: Event) -> None:
        """One attempt, and what became of it."""
        try:
            await self._attempt(one)
        except (SQLAlchemyError, StorageError) as error:
            # Neither delivered nor refused: the lease runs out, then it is tried again.
            reason = str(error).splitlines()[0][:200]
            log.warning("webhook.interrupted", event_id=one.uid, error=reason)
        except Exception as error:  # one event's surprise must not stop all others
            log.error("webhook.failed", event_id=one.uid, exc_info=error)
        finally:
            self._flying[one.app_key] -= 1
            self._wake.set()

    async def _attempt(self, one: Event) -> None:
        async with self._database.reading() as db:
            app = await db.get_one(Application, one.app_key)
            rows = await _recordings(db, one.recordings)
        settings = stored_settings(app.settings)
        url = settings.webhook_url  # of now: a wrong address can be mended within the day
        why = _obstacle(one, url, rows)
        if url is None or why is not None:
            await self._settled(one, one.url, None, Answer(error=why), dead=True)
            return
        now = now_ms()
        addresses = await self._addresses(rows, signed=settings.signed_urls)
        told = rendered(one.type, one.body, rows, addresses, region=self._region, now=now)
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        key, secret = await self.keys.current(), await self.keys.secret_of(one.app_key)
        headers = signature_headers(key, secret, one.uid, body, now)
        answer = await self._destination.post(url, body.encode(), headers)
        await self._settled(one, url, body, answer)

    async def _addresses(self, rows: Sequence[Recording], *, signed: bool) -> dict[str, str]:
        keys = [row.object_key for row in rows]
        if signed:
            urls = await self._storage.urls(keys)
        else:
            urls = [self._storage.signed.plain_url(key) for key in keys]
        return {row.id: url for row, url in zip(rows, urls, strict=True)}

    async def _settled(
        self, one: Event, url: str, body: str | None, answer: Answer, *, dead: bool = False
    ) -> None:
        now = now_ms()
        due = None if dead else next_attempt(one.attempts, one.created_at, now)
        state = "delivered" if answer.accepted else "dead" if due is None else "pending"
        async with self._database.writing() as db:
            # `attempts` is as we claimed it, unless our lease ran out and somebody else has it
            await db.execute(
                update(Event)
                .where(Event.id == one.id, Event.attempts == one.attempts)
                .values(
                    state=state,
                    next_attempt_at=due if state == "pending" else None,
                    sent_at=now,
                    sent_body=body,
                    url=url,
                    response=answer.as_json(),
                )
            )
        log.info(
            "webhook.sent",
            event_id=one.uid,
            type=one.type,
            conference=one.conference_id,
            state=state,
            attempt=one.attempts,
            status=answer.status,
        )


def open_outbox(settings: ServiceSettings, database: Database, storage: Storage) -> Outbox:
    """The service's outbox."""
    destination = Destination(allow_private=settings.allow_private_webhooks)
    keys = WebhookKeys(database)
    return Outbox(database, storage, keys, destination, region=settings.region)


def says_something() -> Any:
    """Of events: those that do not have been made blank with the people of their conference."""
    return cast(Event.body, Text) != "{}"


def _obstacle(one: Event, url: str | None, rows: Sequence[Recording]) -> str | None:
    """Why an event cannot be sent; None: it can. `rows`: those of its recordings that are there."""
    if url is None:
        return UNWANTED
    return GONE if not one.body or (one.recordings and not rows) else None


def _due(now: int, without: Sequence[str]) -> Any:
    """Events whose time has come, and that wait for no other of their conference."""
    earlier = aliased(Event)
    waits = exists().where(
        earlier.conference_id == Event.conference_id,
        earlier.state == PENDING,
        earlier.id < Event.id,
    )
    query = select(Event).where(
        Event.state == "pending", Event.next_attempt_at <= now, ~waits.correlate(Event)
    )
    if without:
        query = query.where(Event.app_key.not_in(without))
    return query.order_by(Event.next_attempt_at, Event.id)


async def _recordings(db: AsyncSession, ids: Sequence[str]) -> list[Recording]:
    """Those that are still there, in the order of their ids here."""
    if not ids:
        return []
    wanted = select(Recording).where(Recording.id.in_(ids), Recording.deleted_at.is_(None))
    found = {row.id: row for row in await db.scalars(wanted)}
    return [found[id] for id in ids if id in found]
