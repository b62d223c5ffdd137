"""Pixel rendering: the page is fed the participants' pictures frame by frame and paints them.

For pages whose videos cannot be laid in by a matte (filters, blending, 3-D, canvas). Pictures are
decoded here, not in the page: it works for every codec and every browser build, and needs no secure
context. They are handed over in I420 with the colour space that the picture stage assumes too.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import Any

import av
import numpy as np

from mixer.journal import Journal
from mixer.layout.look import Look
from mixer.layout.page import Page
from mixer.picture.decode import Shown, StreamPictures

AHEAD_NS = 2_000_000_000
PICTURE = "picture"
# WebRTC video is BT.601 limited unless it says otherwise.
COLOUR = {"primaries": "bt709", "transfer": "bt709", "matrix": "smpte170m", "fullRange": False}


def i420(frame: av.VideoFrame) -> bytes:
    """The three planes, rows packed, of a yuv420p picture."""
    if frame.format.name != "yuv420p":
        frame = frame.reformat(format="yuv420p")
    planes = []
    for index, plane in enumerate(frame.planes):
        width = frame.width if index == 0 else (frame.width + 1) // 2
        height = frame.height if index == 0 else (frame.height + 1) // 2
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        planes.append(rows[:height, :width].tobytes())
    return b"".join(planes)


class PictureFeed:
    """Hands each stream's picture to the page when it is another one than before."""

    def __init__(self, journal: Journal, page: Page) -> None:
        self._pictures = StreamPictures(journal)
        self._page = page
        self._end_ns = 0
        self._given: dict[str, Shown] = {}
        self._numbers = 0

    async def give(self, look: Look, t_ns: int) -> bool:
        """Makes the page's videos show what is valid at `t_ns`; True if anything is new."""
        streams = {video.stream for video in look.videos}
        new = False
        for stream, shown in self._at(streams, t_ns).items():
            if shown is not None and self._given.get(stream) is not shown:
                self._given[stream] = shown
                await self._hand_over(stream, shown.frame)
                new = True
        return new

    def _at(self, streams: Collection[str], t_ns: int) -> dict[str, Shown | None]:
        if t_ns >= self._end_ns:
            self._end_ns = t_ns + AHEAD_NS
            self._pictures.look_ahead(self._end_ns)
        return self._pictures.at(sorted(streams), t_ns)

    async def _hand_over(self, stream: str, frame: av.VideoFrame) -> None:
        self._numbers += 1
        colour: dict[str, Any] = dict(COLOUR)
        if int(frame.colorspace) == 1:  # says that it is BT.709
            colour["matrix"] = "bt709"
        data = base64.b64encode(i420(frame)).decode()
        await self._page.host(
            "picture", stream, self._numbers, frame.width, frame.height, colour, data
        )
