"""Which picture of a presented video is to be seen at a moment: its file, read as the journal tells
of playing, pausing and seeking (mixer/journal/played.py).

What is shown depends on the file and the position alone, never on what was asked before: the last
picture that begins at or before it. Neighbour: decode.py, which asks for these as for any stream.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..clock import SECOND
from ..journal import Note
from ..journal.played import Screened, Stretch, stretches
from ..journal.video_file import open_video, shown_size, start_s
from .colour import BT601, BT709, MATRICES
from .planes import planes_of

MAX_OPEN = 4
NEAR_NS = 3 * SECOND  # so far ahead it is read on; further, it is begun anew at a key picture
HD_HEIGHT = 720  # a video of that height is BT.709 where it does not say, as in browsers


class PlayedPictures:
    """Pictures of a journal's presented videos. `report` hears of files that cannot be read."""

    def __init__(self, journal: Screened, report: Callable[[Note], None]) -> None:
        self._journal = journal
        self._report = report
        self._stretches: list[Stretch] = []
        self._films: OrderedDict[Path, Film | None] = OrderedDict()

    def refresh(self) -> None:
        """Sees what the journal has gained."""
        self._stretches = stretches(self._journal)

    def has(self, stream: str) -> bool:
        return any(stretch.stream == stream for stretch in self._stretches)

    def at(self, stream: str, t_ns: int) -> av.VideoFrame | None:
        """The picture, the same object as long as it is the same; None where nothing is shown."""
        for stretch in reversed(self._stretches):
            ends_ns = stretch.to_ns
            if stretch.stream == stream and stretch.from_ns <= t_ns:
                if ends_ns is not None and ends_ns <= t_ns:
                    return None
                film = self._film(stretch, t_ns)
                return film.at(stretch.at(t_ns)) if film is not None else None
        return None

    def _film(self, stretch: Stretch, t_ns: int) -> Film | None:
        if stretch.file in self._films:
            self._films.move_to_end(stretch.file)
            return self._films[stretch.file]
        try:
            film = Film(stretch.file) if stretch.file.is_file() else None
        except (av.error.FFmpegError, OSError) as error:
            film = None
            data = {"stream": stretch.stream, "reason": f"presented video: {error}"}
            self._report(Note(t_ns, "picture-undecodable", data))
        self._films[stretch.file] = film
        while len(self._films) > MAX_OPEN:
            old = self._films.popitem(last=False)[1]
            if old is not None:
                old.close()
        return film


class Film:
    """The pictures of one file. Raises av.error.FFmpegError and OSError."""

    def __init__(self, path: Path) -> None:
        self._container = open_video(path)
        self._start = Fraction(start_s(self._container)).limit_denominator(av.time_base)
        found = self._container.streams.video
        self._stream = found[0] if found else None
        if self._stream is not None:
            self._stream.codec_context.thread_count = 1
        self._pictures: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._shown: tuple[int, av.VideoFrame] | None = None
        self._next: tuple[int, av.VideoFrame] | None = None
        self._upright: tuple[int, av.VideoFrame] | None = None

    def close(self) -> None:
        self._container.close()

    def at(self, position_ns: int) -> av.VideoFrame | None:
        """The picture that is seen there, ns from the video's beginning; before the first one that,
        after the last one the last. None: there is no picture at all."""
        if self._stream is None:
            return None
        if self._shown is None or not self._shown[0] <= position_ns <= self._reach_ns():
            self._begin(position_ns)
        while self._next is not None and self._next[0] <= position_ns:
            self._shown, self._next = self._next, next(self._pictures, None)
        return self._made_upright()

    def _reach_ns(self) -> int:
        """Up to where it is read on; the last picture stands for ever."""
        return 1 << 62 if self._next is None else self._next[0] + NEAR_NS

    def _begin(self, position_ns: int) -> None:
        """At the last key picture before the position; at the very beginning, where that finds
        none."""
        self._seek(position_ns)
        if self._shown is None or self._shown[0] > position_ns:
            self._seek(None)

    def _seek(self, position_ns: int | None) -> None:
        assert self._stream is not None
        if position_ns is None:
            self._container.seek(0, backward=True, any_frame=False)
        else:
            assert self._stream.time_base is not None
            stamp = (Fraction(position_ns, SECOND) + self._start) / self._stream.time_base
            self._container.seek(int(stamp), stream=self._stream, backward=True)
        self._pictures = self._decoded()
        self._shown, self._next = next(self._pictures, None), next(self._pictures, None)

    def _decoded(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """All pictures from where the file stands; what cannot be decoded is left out."""
        assert self._stream is not None
        for packet in self._container.demux(self._stream):
            try:
                frames: list[Any] = packet.decode()
            except (av.error.FFmpegError, ValueError):
                continue
            for frame in frames:
                if frame.pts is not None and not frame.is_corrupt:
                    at = Fraction(frame.pts) * frame.time_base - self._start
                    yield round(at * SECOND), frame

    def _made_upright(self) -> av.VideoFrame | None:
        if self._shown is None or self._stream is None:
            return None
        if self._upright is None or self._upright[0] != self._shown[0]:
            frame = upright(self._shown[1], self._stream.sample_aspect_ratio)
            self._upright = self._shown[0], frame
        return self._upright[1]


def upright(frame: av.VideoFrame, pixel_aspect: Any) -> av.VideoFrame:
    """The picture in yuv420p with square pixels, turned as the camera was held, with its colours
    named."""
    matrix, range_ = int(frame.colorspace), frame.color_range
    size = shown_size(frame, pixel_aspect)
    turns = round(frame.rotation / 90) % 4
    if turns % 2:
        size = size[::-1]
    if frame.format.name not in ("yuv420p", "yuvj420p") or size != (frame.width, frame.height):
        frame = frame.reformat(*size, format="yuv420p", threads=1)
    if turns:
        frame = _turned(frame, turns)
    if matrix not in MATRICES:
        matrix = BT709 if frame.height >= HD_HEIGHT else BT601
    frame.colorspace, frame.color_range = matrix, range_
    return frame


def _turned(frame: av.VideoFrame, turns: int) -> av.VideoFrame:
    """By quarters, against the clock."""
    size = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
    made = av.VideoFrame(*size, "yuv420p")
    for into, plane in zip(planes_of(made), planes_of(frame), strict=True):
        into[...] = np.rot90(plane, turns)
    return made
