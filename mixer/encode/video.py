"""Pictures to one segment of H.264: a closed group of pictures in an MP4 file of its own.

Segments of the same settings can be made in any order, by any number of workers, and are joined by
mp4.py without re-encoding. Neighbours: picture/ makes the frames, render/ plans the segments.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from mixer.encode.durable import WholeFile, whole_file
from mixer.encode.quality import CRF, PARAMETERS, PRESET
from mixer.errors import RenderError

_BT709 = 1  # ISO/IEC 23091-2, for primaries, transfer and matrix alike
_LIMITED = 1  # AVCOL_RANGE_MPEG


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """How segments are encoded. All segments of a file must have equal settings.

    `threads` is fixed and not taken from the machine, because x264's output depends on it: two
    keep both cores of a small machine busy, and larger ones are filled by several workers.
    `encoder` "null" takes the frames and drops them, to measure what everything else costs.
    """

    width: int
    height: int
    fps: int
    preset: str = PRESET
    crf: int = CRF
    threads: int = 2
    encoder: Literal["libx264", "null"] = "libx264"


class _Sink(Protocol):
    def encode(self, frame: av.VideoFrame) -> None: ...

    def finish(self) -> None: ...


class SegmentEncoder:
    """One segment being made. The file appears when the `with` block ends well, else not at all.

    Frames are yuv420p, BT.709 limited, of the settings' size, in order, 1 / fps apart.
    """

    def __init__(self, path: Path, settings: VideoSettings) -> None:
        self.frames = 0
        self._path = path
        self._settings = settings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        file = self._stack.enter_context(whole_file(self._path))
        make = _X264 if self._settings.encoder == "libx264" else _Null
        try:
            self._sink: _Sink = make(file, self._settings)
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def encode(self, frame: av.VideoFrame) -> None:
        """Takes the next frame; its pts, time base and picture type are set here."""
        frame.pts = self.frames
        frame.time_base = Fraction(1, self._settings.fps)
        frame.pict_type = PictureType.NONE
        self.frames += 1
        self._sink.encode(frame)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._stack.push(self._finish)
        self._stack.__exit__(kind, error, traceback)

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.frames:
            raise RenderError(f"segment {self._path} has no frames; plan at least one")
        self._sink.finish()


def encode_segment(frames: Iterable[av.VideoFrame], path: Path, settings: VideoSettings) -> int:
    """Encodes all frames into the segment `path`, whole or not at all; returns how many.

    Equal frames and settings give equal bytes (on one CPU model, with one set of libraries).
    Raises StorageError when the disk refuses and RenderError when there are no frames.
    """
    with SegmentEncoder(path, settings) as segment:
        for frame in frames:
            segment.encode(frame)
    return segment.frames


class _X264:
    def __init__(self, file: WholeFile, settings: VideoSettings) -> None:
        self._container = av.open(
            file,
            "w",
            format="mp4",
            options={"fflags": "+bitexact", "video_track_timescale": str(settings.fps * 512)},
        )
        stream = self._container.add_stream("libx264", rate=settings.fps)
        self._codec = stream.codec_context
        _configure(self._codec, settings)
        self._container.start_encoding()

    def encode(self, frame: av.VideoFrame) -> None:
        self._container.mux(self._codec.encode(frame))

    def finish(self) -> None:
        self._container.mux(self._codec.encode(None))
        self._container.close()


class _Null:
    """Takes frames as the encoder would and writes an empty segment."""

    def __init__(self, file: WholeFile, settings: VideoSettings) -> None:
        pass

    def encode(self, frame: av.VideoFrame) -> None:
        pass

    def finish(self) -> None:
        pass


def _configure(codec: VideoCodecContext, settings: VideoSettings) -> None:
    codec.width, codec.height = settings.width, settings.height
    codec.pix_fmt = "yuv420p"
    codec.time_base = Fraction(1, settings.fps)
    codec.thread_count = settings.threads
    codec.thread_type = "FRAME"  # slices would cost 1 to 3 % of bits
    codec.color_primaries = _BT709
    codec.color_trc = _BT709
    codec.colorspace = _BT709
    codec.color_range = _LIMITED
    # One IDR at the start; scene cuts may add more. Frames last 1 / fps each, always.
    parameters = "keyint=infinite:open-gop=0:force-cfr=1:sar=1/1"
    if more := PARAMETERS.get(settings.preset):
        parameters += f":{more}"
    if -(-settings.width // 16) % 8 and _has_avx512():
        parameters += ":asm=avx2"
    codec.options = {
        "preset": settings.preset,
        "crf": str(settings.crf),
        "profile": "high",
        "x264-params": parameters,
    }


@cache
def _has_avx512() -> bool:
    """x264 165 reads uninitialized memory in its AVX-512 code (macroblock tree) where a row is no
    multiple of 8 macroblocks, as in 960x540 and portrait formats: its output differs from run to
    run. There AVX2 is used; elsewhere AVX-512 is right, and 4 % faster."""
    try:
        return " avx512f" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
