"""Remixes: another version of an ended conference's recording, by `mixer render` (contract 3.3).

One at a time, whatever the conference: the others wait, and recordings that go on find a slot for
their renders. The command is our child and dies with us; it goes on where it was when it is started
again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from ...engine import Child
from ...errors import MixerError
from ...journal import write_whole
from ...recorder.plan import RecordFolder
from ...records.database import LOCKED
from ...records.models import Conference, Mix, Session
from .. import servers
from ..context import now_ms
from ..errors import ApiError
from ..files import FileMade, publish
from ..recording_choice import recording_format
from . import publishing, store
from .found import VIDEO, sound, started_ms
from .order import MixOrder, Wish, checked, layout_of_mix
from .store import View

if TYPE_CHECKING:
    from .sessions import Sessions

log = structlog.get_logger()

ATTEMPTS = 3
AGAIN_S = 2.0
STATUS = {
    store.QUEUED: "IN_PROGRESS",
    store.RUNNING: "IN_PROGRESS",
    store.FINISHING: "IN_PROGRESS",
    store.FINISHED: "COMPLETED",
    store.FAILED: "ERROR",
}


class Remixes:
    """`start` and `status` as the contract has them; `keep` runs one."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._kept: set[str] = set()
        self._turn = asyncio.Lock()

    async def start(self, conference: Conference, order: MixOrder) -> dict[str, Any]:
        """Raises ApiError: 400, 404 (nothing was recorded), 409 (it goes on, or one is made)."""
        service = self._sessions.service
        await servers.check_here(service, conference)
        settings = await self._sessions.settings_of(conference)
        format = recording_format(conference, settings)
        allow = service.settings.allow_private_layouts
        wish = checked(order, settings, format, live=True, allow_private=allow)
        async with service.database.writing() as db:
            row = await db.get_one(Conference, conference.id, with_for_update=LOCKED)
            if row.ended_at is None:
                sentence = "The conference goes on: remix it when it has ended."
                raise ApiError(409, 3101, "CONFERENCE_GOES_ON", sentence)
            raw = _whole(await store.raw_session(service, db, conference.id))
            running = await store.open_session(db, conference.id, store.REMIX)
            if running is not None:
                mixes = await store.mixes_of(db, running.id)
                _check_retried(running, mixes, wish)
                return _status(running, conference, service.settings.region)
            wanted = {
                "raw": raw,
                "format": format,
                "live": True,
                "legs": settings.participant_audio,
            }
            session = store.new_session(service, conference, store.REMIX, wanted)
            db.add(session)
            await db.flush()
            db.add(store.new_mix(session, wish, 1))
        self.keep(session.id)
        return _status(session, conference, service.settings.region)

    async def status(self, conference: Conference) -> dict[str, Any]:
        service = self._sessions.service
        async with service.database.reading() as db:
            last = await store.last_session(db, conference.id, store.REMIX)
        return _status(last, conference, service.settings.region)

    def keep(self, session_id: str) -> None:
        if session_id not in self._kept:
            self._kept.add(session_id)
            if self._sessions.spawn(self._run(session_id), f"remix-{session_id}") is None:
                self._kept.discard(session_id)

    async def _run(self, session_id: str) -> None:
        try:
            service = self._sessions.service
            view = await store.view(service, session_id)
            mix = view.mixes[0]
            problem = await self._made_in_turn(view, mix)
            if problem is None:
                await self._hand_out(view, mix)
            else:
                await publishing.tell_failure(
                    service, view.conference, problem, of=mix, saved=["raw"]
                )
            state = store.FINISHED if problem is None else store.FAILED
            await store.change(service, session_id, state=state, error=problem, closed_at=now_ms())
        except Exception:  # the next reconciliation tries again
            log.exception("remix.broken", session=session_id)
            await asyncio.sleep(AGAIN_S)
        finally:
            self._kept.discard(session_id)

    async def _made_in_turn(self, view: View, mix: Mix) -> str | None:
        """One whose files are there already waits for nobody."""
        service = self._sessions.service
        if await asyncio.to_thread(_made_already, self._result(view)):
            return None
        async with self._turn:
            await store.change(service, view.session.id, state=store.RUNNING)
            video = view.session.wanted["format"] != "mp3"
            await publishing.tell_progress(service, view.conference, mix, now_ms(), video=video)
            return await self._made(view, mix)

    async def _made(self, view: View, mix: Mix) -> str | None:
        """Runs `mixer render`, unless it has ended well before and only its files were not handed
        out; None, or why there are no files."""
        problem = ""
        if await asyncio.to_thread(_made_already, self._result(view)):
            return None
        for attempt in range(ATTEMPTS):
            said, status = await self._rendered(view, mix)
            if status == 0:
                return None
            problem = said or f"the render ended with {status}"
            log.warning("remix.failed", session=view.session.id, attempt=attempt, error=problem)
            await asyncio.sleep(AGAIN_S)
        return problem

    async def _rendered(self, view: View, mix: Mix) -> tuple[str, int]:
        settings = self._sessions.service.settings
        folder = settings.sessions_folder / view.session.id
        wanted = view.session.wanted
        raw = settings.sessions_folder / str(wanted["raw"])
        out = folder / "remix.mp4" if wanted["format"] == "mp4" else folder / "remix"
        allow = settings.allow_private_layouts
        argv = ["mixer.cli", "render", str(raw), "--out", str(out), "--format", wanted["format"]]
        argv += ["--no-report", "--json"]
        if wanted["format"] != "mp3":
            argv += ["--size", f"{mix.width}x{mix.height}"]
            argv += ["--layout", layout_of_mix(mix, allow_private=allow)]
        argv += ["--participant-audio"] if wanted["legs"] and wanted["format"] != "mp4" else []
        said = ""
        child = Child(
            "remix",
            argv,
            environment=self._sessions.remix_environment,
            log_path=folder / "render.log",
        )
        async with child:
            async for event in child.events:
                if event.get("event") == "error":
                    said = str(event.get("message", ""))
                if event.get("event") == "result":
                    made = {path: event["of"].get(path, "") for path in event["files"]}
                    write_whole(self._result(view), json.dumps(made).encode())
            return said, (await child.wait()).status

    def _result(self, view: View) -> Path:
        return self._sessions.service.settings.sessions_folder / view.session.id / "result.json"

    async def _hand_out(self, view: View, mix: Mix) -> None:
        settings = self._sessions.service.settings
        raw = RecordFolder(settings.sessions_folder / str(view.session.wanted["raw"]))
        files = _made(self._result(view))
        found = await asyncio.to_thread(lambda: list(_found(raw, files, mix)))
        await publish(self._sessions.service, view.session, found)


def _whole(raw: Session | None) -> str:
    """Its id. Raises ApiError: 404 where there is none, 409 where it is not whole yet."""
    if raw is None:
        sentence = "There is no raw recording of this conference: record before it ends."
        raise ApiError(404, 3104, "NOTHING_RECORDED", sentence)
    if raw.closed_at is None:
        sentence = "The recording is being finished: remix it when that is done."
        raise ApiError(409, 3103, "RECORDING_UNFINISHED", sentence)
    return raw.id


def _found(raw: RecordFolder, files: Mapping[Path, str], mix: Mix) -> Iterator[FileMade]:
    """The files of a remix: begun when the first part was."""
    starts: list[int] = []
    with contextlib.suppress(MixerError):  # its plan is damaged or gone
        starts = [one.start_ns for one in raw.load().mixes if one.start_ns is not None]
    start_ms = started_ms(raw, min(starts, default=0))
    for path, who in files.items():
        length = round(_seconds(path) * 1000)
        if path.suffix == ".mp4":
            yield FileMade(path, "mix", VIDEO, start_ms, length, mix, merged=True)
        else:
            yield replace(sound(path, start_ms, length, who or None), mix=mix)


def _made_already(result: Path) -> bool:
    files = _made(result)
    return bool(files) and all(path.is_file() for path in files)


def _made(result: Path) -> dict[Path, str]:
    """The files that a render has told of, and whose sound alone each holds; none where it has not
    ended well."""
    try:
        told = json.loads(result.read_text())
        return {Path(path): str(who) for path, who in told.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _seconds(path: Path) -> float:
    import av

    with av.open(str(path)) as container:
        return (container.duration or 0) / 1_000_000


def _check_retried(running: Session, mixes: list[Mix], wish: Wish) -> None:
    """Raises ApiError 409 unless the one that runs is what is asked for once more."""
    recent = now_ms() - running.created_at < store.RETRY_MS
    if not (recent and mixes and wish.is_of(mixes[0])):
        sentence = "A remix of this conference is being made: wait for its end."
        raise ApiError(409, 3102, "REMIX_IN_PROGRESS", sentence)


def _status(session: Session | None, conference: Conference, region: str) -> dict[str, Any]:
    status = STATUS[session.state] if session is not None else "UNKNOWN"
    return {"status": status, "region": region, "alias": conference.alias}
