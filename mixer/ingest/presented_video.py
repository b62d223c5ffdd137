"""A video that is presented: its file comes into the journal's objects, which then tells of it.

Events of playing, pausing and seeking do not wait for that: what they mean is looked up in the file
when it is rendered (mixer/journal/played.py). Until the file is there the journal has no stream of
it, and layouts show that there is something to come. Neighbours: presented.py says what is
presented, video_file.py is the child process that loads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from mixer.clock import SECOND
from mixer.conference.playing import stream_id
from mixer.conference.presentation import JOURNALLED, is_video_in_room, video_object
from mixer.errors import ConferenceError
from mixer.journal.model import Note

log = structlog.get_logger()

MISSING = "presentation-missing"
MAX_VIDEO_BYTES = 1 << 30
MAX_RUN_BYTES = 4 << 30  # of all videos of one run
LOAD_TIMEOUT_S = 900.0
HELD_NS = 5 * SECOND  # so long live mixes wait for a video, to show it from its beginning

Data = dict[str, Any]
Tell = Callable[[int, str, Data], None]
Fetch = Callable[[str, Path, int], Awaitable[None]]  # address in the room, where to, bytes at most


class PresentedVideo:
    """`shown` is told what is presented, `stopped` that it is no more, `close` at the end.

    `tell` takes events, `note` what went wrong, `now_ns` is journal time; `fetch` writes a video
    that the room itself has into a file.
    """

    def __init__(
        self,
        folder: Path,
        tell: Tell,
        note: Callable[[Note], None],
        now_ns: Callable[[], int],
        fetch: Fetch,
    ) -> None:
        self._folder = folder
        self._tell = tell
        self._note = note
        self._now_ns = now_ns
        self._fetch = fetch
        self._loaded: dict[str, Data] = {}  # by address: each is loaded once
        self._wanted: Data | None = None  # what is presented
        self._since_ns = 0
        self._told = ""  # the id of the presentation whose stream the journal has
        self._loading: asyncio.Task[None] | None = None
        self._given_up: set[str] = set()  # ids
        self._bytes = 0

    def follow(self, presentation: Data | None) -> None:
        """What the journal knows of already; it has its stream if it has its file."""
        self._wanted = presentation
        name = video_object(presentation) if presentation is not None else None
        if presentation is not None and name is not None and (self._folder / name).is_file():
            self._told = presentation["id"]

    def shown(self, t_ns: int, presentation: Data, paused: bool) -> None:
        """A video is presented since `t_ns`. While the recording is paused nothing is loaded."""
        if self._wanted is None or self._wanted["id"] != presentation["id"]:
            self._stop_loading()
        self._wanted, self._since_ns = presentation, t_ns
        if not paused:
            self.load()

    def load(self) -> None:
        """Begins to load what is presented, if it is not there and not on its way."""
        wanted = self._wanted
        if wanted is None or self._told == wanted["id"] or wanted["id"] in self._given_up:
            return
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._load(wanted), name="ingest-video")

    def held_ns(self, now_ns: int) -> int:
        """Up to where the journal may be final: not beyond the beginning of a video that is being
        loaded, for a while."""
        loading = self._loading is not None and not self._loading.done()
        return self._since_ns if loading and now_ns < self._since_ns + HELD_NS else now_ns

    def stopped(self, t_ns: int) -> None:
        """It is presented no more, which is told after this."""
        self._stop_loading()
        if self._wanted is not None and self._told == self._wanted["id"]:
            gone = {
                "participantId": self._wanted["ownerId"],
                "streamId": stream_id(self._wanted),
            }
            self._tell(t_ns, "stream.removed", gone)
        self._wanted, self._told = None, ""

    async def close(self) -> None:
        loading = self._stop_loading()
        if loading is not None:
            await asyncio.gather(loading, return_exceptions=True)

    def _stop_loading(self) -> asyncio.Task[None] | None:
        loading, self._loading = self._loading, None
        if loading is not None:
            loading.cancel()
        return loading

    async def _load(self, wanted: Data) -> None:
        url = wanted["url"]
        loaded = self._loaded.get(url) or await self._loaded_anew(url)
        if "error" in loaded:
            log.warning("presentation.video_missing", reason=loaded["error"])
            self._given_up.add(wanted["id"])
            data = {"presentation": wanted["id"], "reason": loaded["error"]}
            self._note(Note(self._now_ns(), MISSING, data))
            return
        self._loaded[url] = loaded
        self._tell_of(wanted, loaded)

    def _tell_of(self, wanted: Data, loaded: Data) -> None:
        """From when on it is seen: from its beginning, unless the journal is final beyond that by
        now. A remix has it from its beginning in any case (mixer/journal/order.py)."""
        self._told = wanted["id"]
        found = {"object": JOURNALLED + loaded["object"], "durationMs": loaded["durationMs"]}
        size = loaded["video"]
        video = {"muted": False, "available": True, **size} if size is not None else None
        stream = {
            "id": stream_id(wanted),
            "type": "VideoPresentation",
            "audio": {"muted": False} if loaded["audio"] else None,
            "video": video,
        }
        self._tell(self._since_ns, "presentation.updated", {"id": wanted["id"], **found})
        added = {"participantId": wanted["ownerId"], "stream": stream}
        self._tell(self._since_ns, "stream.added", added)

    async def _loaded_anew(self, url: str) -> Data:
        most = min(MAX_VIDEO_BYTES, MAX_RUN_BYTES - self._bytes)
        if most <= 0:
            return {"error": f"the recording has {MAX_RUN_BYTES >> 20} MB of videos already"}
        try:
            self._folder.mkdir(exist_ok=True)
            _sweep(self._folder)
        except OSError as error:
            return {"error": f"it cannot be kept: {error.strerror or error}"}
        loaded = await loaded_by_child(url, self._folder, most, self._fetch)
        if "object" in loaded:
            with contextlib.suppress(OSError):
                self._bytes += (self._folder / loaded["object"]).stat().st_size
        return loaded


def _sweep(folder: Path) -> None:
    """Removes what a process that was killed has left half loaded."""
    for part in folder.glob("*.part"):
        pid, dash, _ = part.name.partition("-")
        if dash and pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            part.unlink(missing_ok=True)


async def loaded_by_child(url: str, folder: Path, most: int, fetch: Fetch) -> Data:
    """What video_file.py prints: {object, durationMs, video, audio} or {error}."""
    aside = folder / f"{os.getpid()}-{os.urandom(6).hex()}.part"
    try:
        async with asyncio.timeout(LOAD_TIMEOUT_S):
            if is_video_in_room(url):
                await fetch(url, aside, most)
                url = ""  # it is there already
            return await _told_by_child(url, folder, aside, most)
    except TimeoutError:
        return {"error": f"it took longer than {LOAD_TIMEOUT_S / 60:.0f} minutes to load"}
    except ConferenceError as error:
        return {"error": str(error)}
    except OSError as error:
        return {"error": f"it cannot be kept: {error.strerror or error}"}
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


async def _told_by_child(url: str, folder: Path, aside: Path, most: int) -> Data:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "mixer.ingest.video_file", str(folder), str(aside), str(most)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        told, _ = await process.communicate(f"{url}\n".encode())
        found: Data = json.loads(told)
    except ValueError:
        found = {"error": "it cannot be read"}
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return found
