"""What becomes of mixes whose recorder takes them no more, while their conference goes on.

A recorder ends by itself: its server was away for too long, it was removed from the conference, it
fails again and again. What ran in it is told to have failed, and goes on in another session; what
was started since is recorded there alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from ...recorder.plan import Plan
from ...records.database import LOCKED
from ...records.models import Conference, Mix, Session
from ..context import Service, now_ms
from . import publishing, store
from .store import View

log = structlog.get_logger()

LONG_MS = 600_000  # a recorder that has lived so long has not failed at once
MAX_AGAIN = 8  # sessions in a row that were not

DISK_FULL = "disk-full"  # it would only fill again: nothing goes on by itself
_REASONS = {
    "unreachable": "the recorder could not reach the conference's server for too long",
    "conference-ended": "the recorder was removed from the conference",
    "stopped": "the recorder was ended from outside",
}
_OTHERWISE = "the recorder has failed"


def cut(view: View, plan: Plan) -> list[int]:
    """The mixes, by their ids, that a recorder has ended by itself: nobody has stopped them, and
    nobody was told."""
    if view.ended or not plan.ended or plan.ended == DISK_FULL:
        return []
    return [mix.id for mix in view.running if mix.error is None]


def is_missed(service: Service, view: View) -> bool:
    """Whether somebody is there to be recorded. Nobody is before they come back to a server that
    was away, nor in a room that has ended just now."""
    there = service.rooms.participants(view.conference.id)
    return any(one["type"] != "mixer" for one in there)


async def moved(
    service: Service, db: AsyncSession, view: View, mixes: Collection[Mix]
) -> Session | None:
    """A new session with those mixes of one that has no recorder for them any more."""
    if not mixes:
        return None
    session = _another(service, view)
    db.add(session)
    await db.flush()
    for mix, part in _counted(view, mixes):
        mix.session_id, mix.part = session.id, part
    return session


async def passed_on(service: Service, view: View, late: Collection[int]) -> Session | None:
    """The same for mixes, by their ids, that were started while the recorder ended."""
    async with service.database.writing() as db:
        await db.get_one(Conference, view.conference.id, with_for_update=LOCKED)
        mixes = [mix for mix in await store.mixes_of(db, view.session.id) if mix.id in late]
        return await moved(service, db, view, mixes)


async def cut_short(
    service: Service, view: View, cut: Collection[int], why: str
) -> tuple[str, Session | None]:
    """Tells of mixes, by their ids, that nobody has stopped and that end all the same, and starts
    them in a new session; what was told, and the session.

    Their rows stay where they are, with the files that there are. Those that somebody has stopped
    meanwhile, and those of a conference that has ended meanwhile, end as they were to.
    """
    reason = _REASONS.get(why, _OTHERWISE)
    new = None
    async with service.database.writing() as db:
        # whoever starts, stops and pauses locks this row, too: he comes before all this or after it
        conference = await db.get_one(Conference, view.conference.id, with_for_update=LOCKED)
        old = await db.get_one(Session, view.session.id, with_for_update=True)
        mixes = [mix for mix in await store.mixes_of(db, old.id) if mix.id in cut]
        mixes = [mix for mix in mixes if mix.stopped_at is None and mix.error is None]
        if conference.ended_at is not None or not mixes:
            return "", None
        again = _again(old)
        goes_on = "and goes on in another" if again <= MAX_AGAIN else "start it again"
        sentence = f"{reason}: the recording ends there, {goes_on}"
        for mix in mixes:
            await publishing.note_failure(service, db, conference, sentence, of=mix, saved=["raw"])
        if again <= MAX_AGAIN:
            new = await _started(service, db, View(old, mixes, conference), again)
    service.rooms.tell_recording_failed(conference.id, sentence)
    log.warning("session.cut_short", session=old.id, why=why, to=new.id if new else None)
    return sentence, new


async def _started(service: Service, db: AsyncSession, view: View, again: int) -> Session:
    """A new session in which all those mixes begin; paused, if they were."""
    paused, now = bool(view.session.wanted.get("paused")), now_ms()
    pauses = [[now, None]] if paused else []
    session = _another(service, view, paused=paused, pauses=pauses, again=again)
    db.add(session)
    await db.flush()
    for mix, part in _counted(view, view.mixes):
        same = {name: getattr(mix, name) for name in ("mix_id", "layout_url", "layout_name")}
        size = {"width": mix.width, "height": mix.height}
        db.add(Mix(session_id=session.id, part=part, started_at=now, **same, **size))
    return session


def _again(old: Session) -> int:
    """Which of how many in a row the next session is."""
    lived_long = now_ms() - old.created_at >= LONG_MS
    return 1 if lived_long else int(old.wanted.get("again", 0)) + 1


def _another(service: Service, view: View, **changes: object) -> Session:
    fresh = {"paused": False, "pauses": [], "again": 0, "closes": False, **changes}
    wanted = {**view.session.wanted, **fresh}
    return store.new_session(service, view.conference, store.RECORD, wanted)


def _counted(view: View, mixes: Iterable[Mix]) -> Iterator[tuple[Mix, int]]:
    """With their parts in a new session, which has files of its own: from 1; those of a raw
    recording are counted together."""
    parts: Counter[str] = Counter()
    for mix in mixes:
        lane = mix.mix_id if view.session.wanted["live"] else ""
        parts[lane] += 1
        yield mix, parts[lane]
