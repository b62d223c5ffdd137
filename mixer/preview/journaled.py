"""A recording's journal as the preview's conference: its events, and its pictures at any time."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import av
from PIL import Image

from mixer.clock import SECOND
from mixer.journal import Journal
from mixer.picture.decode import StreamPictures

JPEG_WIDTH = 640


class Recorded:
    """Reads one journal; its pictures may be asked for from any thread."""

    def __init__(self, directory: Path) -> None:
        """Raises JournalError when there is no journal to be read."""
        self._journal = Journal.open(directory)
        self._pictures: dict[str, StreamPictures] = {}  # one each: they are asked for in turn
        self._turn = threading.Lock()
        self._streams = {t.stream for t in self._journal.tracks.values() if t.kind == "video"}
        self._first_ns = min((e.t_ns for e in self._journal.events()), default=0)

    def close(self) -> None:
        self._journal.close()

    def has(self, stream: str) -> bool:
        return stream in self._streams

    @property
    def duration_s(self) -> float:
        return max(0.0, (self._journal.watermark_ns - self._first_ns) / SECOND)

    def script(self) -> dict[str, Any]:
        """As scripts.py has it: seconds since the first event."""
        events = [
            {"t": round((e.t_ns - self._first_ns) / SECOND, 3), "type": e.type, "data": e.data}
            for e in self._journal.events()
        ]
        return {
            "format": "mixer-preview-script",
            "version": 1,
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
