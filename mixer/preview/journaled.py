"""A recording's journal as the preview's conference: its events, and its pictures at any time."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import av
from PIL import Image

from mixer.clock import SECOND
from mixer.conference.presentation import OBJECTS, is_object_name, placed
from mixer.journal import Event, Journal
from mixer.journal.played import stretches
from mixer.picture.decode import StreamPictures
from mixer.preview.script import FORMAT, VERSION

JPEG_WIDTH = 640
PRESENTED = "/__mixer__/presented/"  # where pages of the preview get those of presented files


class Recorded:
    """Reads one journal; its pictures may be asked for from any thread."""

    def __init__(self, directory: Path) -> None:
        """Raises JournalError when there is no journal to be read."""
        self._journal = Journal.open(directory, hindsight=True)
        self._pictures: dict[str, StreamPictures] = {}  # one each: they are asked for in turn
        self._turn = threading.Lock()
        self._streams = {t.stream for t in self._journal.tracks.values() if t.kind == "video"}
        self._streams |= {stretch.stream for stretch in stretches(self._journal)}
        self._first_ns = min((e.t_ns for e in self._journal.events()), default=0)

    def close(self) -> None:
        self._journal.close()

    def has(self, stream: str) -> bool:
        return stream in self._streams

    @property
    def objects(self) -> Path:
        """The folder with the pages of presented files."""
        return self._journal.directory / OBJECTS

    def presented(self, name: str) -> bytes | None:
        """A page of a presented file."""
        path = self.objects / name
        return path.read_bytes() if is_object_name(name) and path.is_file() else None

    @property
    def duration_s(self) -> float:
        return max(0.0, (self._journal.watermark_ns - self._first_ns) / SECOND)

    def script(self) -> dict[str, Any]:
        """As script.py has it: seconds since the first event."""
        events = [
            {"t": round((e.t_ns - self._first_ns) / SECOND, 3), "type": e.type, "data": _data(e)}
            for e in self._journal.events()
        ]
        return {
            "format": FORMAT,
            "version": VERSION,
            "duration": round(self.duration_s, 3),
            "events": events,
        }

    def frame(self, stream: str, t_s: float) -> av.VideoFrame | None:
        """What the stream shows at a second of the recording."""
        t_ns = self._first_ns + round(t_s * SECOND)
        with self._turn:
            if stream not in self._pictures:
                self._pictures[stream] = StreamPictures(self._journal)
                self._pictures[stream].look_ahead(self._journal.watermark_ns)
            shown = self._pictures[stream].at([stream], t_ns)[stream]
        return None if shown is None else shown.frame

    def jpeg(self, stream: str, t_s: float) -> bytes | None:
        """The same, small enough to be shown while it plays."""
        frame = self.frame(stream, t_s)
        if frame is None:
            return None
        width = min(JPEG_WIDTH, frame.width)
        height = max(2, round(frame.height * width / frame.width))
        picture = io.BytesIO()
        rgb = frame.reformat(width, height, format="rgb24").to_ndarray()
        Image.fromarray(rgb).save(picture, "JPEG", quality=78)
        return picture.getvalue()


def _data(event: Event) -> dict[str, Any]:
    """What the event says, with pages of files where the preview has them."""
    if event.type != "presentation.started":
        return event.data
    return {**event.data, "presentation": placed(event.data["presentation"], PRESENTED)}
