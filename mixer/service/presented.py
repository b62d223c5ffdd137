"""What is presented in conferences outlives the server: it comes back with who presents it.

DATA/presented/ID/ has the pages of a conference's files (mixer/room/presentations puts them there)
and in shown.json what is presented. After a restart a room begins empty; when its presenter is back
in time, under the same id as everybody who comes back, what they presented is shown as it was, a
video where it would be by now. Who does not come back has left, and presents no more.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import structlog

from ..conference.state import find
from ..journal import write_whole
from ..room.live import SHARING, LiveConference

log = structlog.get_logger()

RETURN_S = 60.0  # for the presenter to come back after a restart
SHOWN = "shown.json"


class Presented:
    """One server's; `folder` need not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._awaited: dict[str, tuple[float, dict[str, Any]]] = {}  # by conference: until when

    def opened(self, conference: LiveConference) -> None:
        """Has the conference's files kept here, and awaits the presenter of before."""
        kept = self._folder / conference.id
        conference.presented_in = kept / "pages"
        try:
            shown = json.loads((kept / SHOWN).read_text())
        except (OSError, ValueError):  # nothing was presented
            return
        if isinstance(shown, dict) and shown.get("kind") in SHARING and "ownerId" in shown:
            self._awaited[conference.id] = time.monotonic() + RETURN_S, shown

    def came(self, conference: LiveConference, id: str) -> None:
        """Somebody is there: if they presented, they do again, as far as they still may."""
        until, shown = self._awaited.get(conference.id, (0.0, {}))
        late = shown and time.monotonic() > until
        if late or shown.get("ownerId") == id:
            del self._awaited[conference.id]
        if late:  # nor after the next restart
            self._write(conference.id, None)
        if late or shown.get("ownerId") != id:
            return
        attendance, someone = conference.attendances.get(id), find(conference.state, id)
        if attendance is None or someone is None or someone["type"] != "user":
            return
        if conference.presentation is None and SHARING[shown["kind"]] in attendance.permissions:
            conference.present(shown)  # type: ignore[arg-type]
            log.info("presentation.restored", conference=conference.id, kind=shown["kind"])

    async def changed(self, conference: LiveConference) -> None:
        """Something is presented, in another way, or not any more: written down."""
        shown = conference.presentation
        if shown is not None:
            self._awaited.pop(conference.id, None)  # somebody else was quicker
        await asyncio.to_thread(self._write, conference.id, shown)

    def _write(self, conf_id: str, shown: Any) -> None:
        path = self._folder / conf_id / SHOWN
        try:
            if shown is None:
                path.unlink(missing_ok=True)
                return
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path.parent.mkdir(exist_ok=True)
            write_whole(path, json.dumps(shown).encode())
        except OSError as error:  # it would be lost at a restart, and is shown all the same
            log.warning("presentation.not_kept", conference=conf_id, error=error.strerror)

    def ended(self, conf_id: str) -> None:
        """Everything of a conference goes."""
        self._awaited.pop(conf_id, None)
        shutil.rmtree(self._folder / conf_id, ignore_errors=True)

    def sweep(self, live: Collection[str]) -> None:
        """What was left of conferences that ended without us."""
        if self._folder.is_dir():
            for one in self._folder.iterdir():
                if one.name not in live:
                    shutil.rmtree(one, ignore_errors=True)
