"""One run of ingest: in the conference, everything that is sent goes into the journal until told
to stop, whatever breaks on the way.

Processes and arguments are __main__.py's; what is received is feed.py's; what of it is journalled
is pause.py's; this module owns the watermark, the reconnections and the status.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from mixer.clock import MILLISECOND
from mixer.conference.media import Publication
from mixer.conference.playing import brought_to
from mixer.conference.presentation import OBJECTS
from mixer.conference.schema import EVENT_TYPES
from mixer.errors import ConferenceError
from mixer.ingest.conference import ConferenceSession, Media
from mixer.ingest.earlier import Earlier
from mixer.ingest.ends import Ends
from mixer.ingest.feed import CODECS, FeedReceiver
from mixer.ingest.pause import PausableWriter
from mixer.ingest.presented import Presented
from mixer.ingest.presented_video import PresentedVideo
from mixer.ingest.sender_clock import Names
from mixer.ingest.status import Status
from mixer.ingest.subscriptions import Subscriptions
from mixer.ingest.told import Telling
from mixer.ingest.video import VideoReceiver
from mixer.journal import JournalWriter
from mixer.journal.model import Note

log = structlog.get_logger()

TICK_S = 0.04
WATERMARK_LAG_NS = 1_000_000_000
STATUS_EVERY_S = 1.0
SETTLE_S = 0.2  # on stop: for packets under way
BACKOFF_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
LEAVE_TIMEOUT_S = 1.0
CLOSE_TIMEOUT_S = 2.0
TELL_AGAIN_S = 0.5
LEAVING = ("stream.removed", "participant.removed", "participant.updated")


class Recording:
    """`run` until `stop`, which returns the reason of the end; then `leave`. Raises StorageError.

    `paused`: nothing is journalled before `resume`; else a pause in which an earlier run ended is
    over now.
    """

    def __init__(
        self,
        session: ConferenceSession,
        writer: JournalWriter,
        earlier: Earlier,
        emit: Callable[..., None],
        *,
        paused: bool = False,
    ) -> None:
        self.ended_ns = 0
        self._session = session
        self._writer = PausableWriter(writer, emit, earlier.pauses, earlier.state)
        self._emit = emit
        self._pausing = paused  # what was asked for last
        self._untold = asyncio.Event()  # the conference does not know of that yet
        self._gaps = earlier.untold
        self._epoch_ns = writer.from_monotonic_ns(time.monotonic_ns()) - time.monotonic_ns()
        self._telling = Telling(self._writer, earlier.state)
        folder = writer.directory / OBJECTS
        self._video = PresentedVideo(
            folder,
            self._telling.tell,
            self._writer.note,
            self.now_ns,
            lambda address, path, most: session.fetch_video(address, path, most),
        )
        self._presented = Presented(
            folder,
            lambda address: session.fetch(address),
            self._telling.tell,
            self._writer.note,
            lambda: self._writer.paused,
            self._video,
        )
        self._telling.presentations = self._presented
        self._ends = Ends(earlier.ends)
        self._subscriptions: Subscriptions | None = None
        self._stopping: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._status = Status()
        self._names = Names()
        self._closing: list[asyncio.Task[None]] = []  # connections on their way out
        self._lost_ns = 0  # since when there is no connection to the SFU; 0: there is one
        self._slow_ns = 0  # how late the event loop has been lately
        self._unsupported: set[tuple[object, str, str]] = set()

    def journal_ns(self, monotonic_ns: int) -> int:
        return monotonic_ns + self._epoch_ns

    def now_ns(self) -> int:
        return time.monotonic_ns() + self._epoch_ns

    def stop(self, reason: str) -> None:
        """Ends the recording now; `run` returns soon after."""
        if not self._stopping.done():
            self._stopping.set_result(reason)

    def pause(self) -> None:
        """From now on nothing is journalled. Told: `paused` {t_ns}, at once."""
        if self.ended_ns:
            return
        self._pausing = True
        self._writer.pause(self.now_ns(), self._telling.known)
        self._untold.set()

    def resume(self) -> None:
        """Records again. Told: `resumed` {t_ns}, once that moment is known (about 1.3 s later)."""
        if self.ended_ns:
            return
        self._pausing = False
        now_ns = self.now_ns()
        if self._writer.paused:
            self._telling.forget_pictures(now_ns)
            self._writer.resume(now_ns)
            self._renew(now_ns)
        elif not self._writer.resuming:
            self._writer.resume(now_ns)
        self._presented.wake()
        self._untold.set()

    async def run(self) -> str:
        began_ns = self.now_ns()
        for gap in self._gaps:
            self._writer.gap(gap)
        self._emit("joined", t_ns=began_ns, participant=self._session.participant_id)
        if self._pausing:
            self._writer.pause(began_ns, self._telling.known)
        elif self._writer.paused:
            self._writer.resume(began_ns)
        now_ms = (began_ns - self._epoch_ns) // MILLISECOND
        self._telling.begin(began_ns, brought_to(self._session.state, now_ms))
        self._forget_gone()
        self._untold.set()
        tasks: list[asyncio.Future[Any]] = [
            asyncio.create_task(self._follow_media(), name="ingest-media"),
            asyncio.create_task(self._follow_events(), name="ingest-events"),
            asyncio.create_task(self._tick(), name="ingest-tick"),
            asyncio.create_task(self._tell_status(), name="ingest-status"),
            asyncio.create_task(self._tell_conference(), name="ingest-recording"),
            asyncio.create_task(self._presented.run(), name="ingest-presented"),
        ]
        try:
            await asyncio.wait([*tasks, self._stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()
            reason = self._stopping.result() if self._stopping.done() else "conference-ended"
            self.ended_ns = end_ns = self.now_ns()
            await asyncio.sleep(SETTLE_S)
            tasks[2].cancel()
            self._finish(end_ns)
            return reason
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, self._video.close(), return_exceptions=True)

    async def leave(self) -> None:
        """After `run`: hangs up. Nothing of the recording waits for it."""
        await asyncio.gather(*self._closing, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await self._session.leave()

    def resized(self, publication: Publication, media_ns: int, width: int, height: int) -> None:
        if media_ns < self._writer.anew_ns:
            self._renew(self.now_ns(), publication)  # a picture of the pause, just before its end
        else:
            self._telling.resized(publication, media_ns, width, height)

    def heard(self, publication: Publication, media_ns: int, level: int) -> None:
        self._telling.heard(publication, media_ns, level)

    def unsupported(self, publication: Publication) -> None:
        key = (publication.feed, publication.mid, publication.codec)
        if key not in self._unsupported:
            self._unsupported.add(key)
            data = {"stream": publication.stream, "codec": publication.codec}
            self._writer.note(Note(self.now_ns(), "unsupported-codec", data))

    def _finish(self, end_ns: int) -> None:
        """Everything that has come is decided; the recording ends at `end_ns`."""
        for receiver in self._receivers():
            receiver.tick(end_ns + 10 * WATERMARK_LAG_NS)
            for _, stream in receiver.receivers.values():
                stream.timeline.close(end_ns)
        self._presented.finish()
        self._telling.advance(end_ns)
        self._writer.finish(end_ns)

    def _receivers(self) -> Sequence[FeedReceiver]:
        return self._subscriptions.receivers() if self._subscriptions is not None else []

    def _renew(self, now_ns: int, only: Publication | None = None) -> None:
        """Key pictures are asked for: nothing can be drawn before they come."""
        for feed in self._receivers():
            for publication, receiver in feed.receivers.values():
                if isinstance(receiver, VideoReceiver) and only in (None, publication):
                    receiver.renew(now_ns)

    async def _tell_conference(self) -> None:
        """Who is in the conference is to know whether it is recorded."""
        while True:
            await self._untold.wait()
            self._untold.clear()
            try:
                await self._session.tell_recording(not self._pausing)
            except ConferenceError as error:
                log.warning("ingest.not_told", error=error.__class__.__name__)
                self._untold.set()
                await asyncio.sleep(TELL_AGAIN_S)

    async def _follow_events(self) -> None:
        async for type_, data in self._session.events():
            if type_ not in EVENT_TYPES:
                continue  # what participants tell each other is none of the recording's
            self._telling.event(self.now_ns(), type_, data)
            if type_ in LEAVING:
                self._forget_gone()
            if type_ == "conference.ended":
                self.stop("conference-ended")
                return
        await asyncio.Event().wait()  # left: the media goes on until we stop

    def _forget_gone(self) -> None:
        """A stream that ended while nothing was received leaves neither its picture nor a gap to
        the next one of its name."""
        everyone = self._telling.known["participants"]
        there = {one["id"] for someone in everyone for one in someone["streams"]}
        received = (one for feed in self._receivers() for one, _ in feed.receivers.values())
        there |= {publication.stream for publication in received}
        self._ends.gone(there)
        self._telling.forget_gone(there)

    async def _follow_media(self) -> None:
        """Connects to the SFU again and again."""
        failures = 0
        while True:
            try:
                media = await self._session.connect_media()
            except ConferenceError as error:
                log.info("media.unreachable", error=error.__class__.__name__, failures=failures)
                self._lost_ns = self._lost_ns or self.now_ns()
                await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1
                continue
            if self._lost_ns:
                self._note_reconnect(self._lost_ns)
            failures = self._lost_ns = 0
            await self._receive(media)
            self._lost_ns = self.now_ns()
            log.warning("media.lost")

    async def _receive(self, media: Media) -> None:
        """Follows what is sent over one connection until it is lost."""
        subscriptions = Subscriptions(media, self._session.ice_servers, self._make, self._ended)
        self._subscriptions = subscriptions
        try:
            self._sync(media, subscriptions)
            async for _ in media.changes():
                self._sync(media, subscriptions)
        finally:
            subscriptions.end("reconnect")
            self._closing = [task for task in self._closing if not task.done()]
            self._closing.append(asyncio.create_task(_disconnect(media, subscriptions)))

    def _sync(self, media: Media, subscriptions: Subscriptions) -> None:
        publications = media.publications()
        for one in publications:
            if one.codec and one.codec not in CODECS:
                self.unsupported(one)
        subscriptions.follow(publications)

    def _make(self, publications: Sequence[Publication]) -> FeedReceiver:
        return FeedReceiver(
            publications, self._writer, self, self.journal_ns, self._ends, self._names
        )

    def _ended(self, receiver: FeedReceiver | None, publication: Publication, reason: str) -> None:
        """A section is no longer received; with a reason, it is a gap until it is again."""
        key = (publication.stream, publication.kind)
        for one, stream in receiver.receivers.values() if receiver is not None else ():
            if one == publication:
                now_ns = self.now_ns()
                stream.tick(now_ns + WATERMARK_LAG_NS)  # so that all of it has a time
                stream.timeline.close(now_ns)
                self._status.keep(one, stream)
                end = stream.timeline.end(reason)
                if end is not None:
                    self._ends.stopped(key, end)
        if not reason:
            self._ends.over(key)
            if publication.kind == "video":
                self._telling.stopped(publication, self.now_ns())

    def _note_reconnect(self, lost_ns: int) -> None:
        now_ns = self.now_ns()
        self._writer.note(Note(lost_ns, "reconnect", {"seconds": (now_ns - lost_ns) / 1e9}))

    async def _tick(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + TICK_S, time.monotonic() - TICK_S)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            late_ns = int((time.monotonic() - due) * 1e9)
            self._slow_ns = max(late_ns, self._slow_ns - int(TICK_S * 1e9) // 4)
            now_ns = self.now_ns()
            for receiver in self._receivers():
                receiver.tick(now_ns)
            self._telling.advance(now_ns)
            final_ns = now_ns - WATERMARK_LAG_NS - self._slow_ns
            self._writer.watermark(min(final_ns, self._video.held_ns(now_ns)))

    async def _tell_status(self) -> None:
        while True:
            await asyncio.sleep(STATUS_EVERY_S)
            fields: dict[str, Any] = self._status.describe(
                self.now_ns(), self._telling.known, self._receivers(), self._writer
            )
            fields["unsupported"] = sorted({codec for _, _, codec in self._unsupported})
            connected = not self._lost_ns
            self._emit("status", **fields, connected=connected, paused=self._writer.paused)


async def _disconnect(media: Media, subscriptions: Subscriptions) -> None:
    """Closes what is left of a connection; nobody waits for it but the end of the recording."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await subscriptions.close()
            await media.close()
