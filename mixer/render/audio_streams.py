"""MP3 streams being made of a job's sound: of all of it, or without the silence that nobody sent.

Neighbours: audio_pass.py gives the sound, encode/mp3.py encodes it, audio_making.py owns them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from ..encode.mp3 import Mp3Writer
from ..encode.mp3_quality import Mp3Quality
from ..sound.opus import SAMPLE_RATE_HZ, Samples

SILENCE_PORTION = 8 * SAMPLE_RATE_HZ
CUE_FRAME = SAMPLE_RATE_HZ // 75  # samples; cue sheets count in 1/75 s: pieces lie on that grid
LONGEST_KEPT = SAMPLE_RATE_HZ // 2 // CUE_FRAME  # 1/75 s of silence that are not cut out


@dataclass(frozen=True, slots=True)
class Piece:
    """Where sound of a cut stream comes from."""

    at: int  # sample of the stream
    source: int  # sample of the whole recording


class Stream:
    """A stream that lasts as long as all others do. Missing sound is silence."""

    def __init__(self, path: Path, quality: Mp3Quality, channels: int) -> None:
        self.path = path
        self.pieces: tuple[Piece, ...] = (Piece(0, 0),)
        self._writer = Mp3Writer(path, channels=channels, quality=quality)
        self._silence = np.zeros((SILENCE_PORTION, channels), dtype=np.float32)
        self._stack = ExitStack()

    @property
    def samples(self) -> int:
        return self._writer.samples

    def __enter__(self) -> Self:
        self._stack.enter_context(self._writer)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def write(self, first: int, sound: Samples, sent: Sequence[tuple[int, int]] = ()) -> None:
        """Takes (samples, channels) that begin at sample `first` of the recording."""
        self.silence_until(first)
        self._writer.write(sound)

    def silence_until(self, sample: int) -> None:
        while (missing := sample - self._writer.samples) > 0:
            self._writer.write(self._silence[:missing])


class CutStream(Stream):
    """A stream without the silence, of more than half a second, for which nothing was sent."""

    def __init__(self, path: Path, quality: Mp3Quality, channels: int) -> None:
        super().__init__(path, quality, channels)
        self.pieces = ()
        self._end = 0  # of what has been written, on the recording's time line

    def write(self, first: int, sound: Samples, sent: Sequence[tuple[int, int]] = ()) -> None:
        """`sent`: the stretches [from, to) of the sound for which something was sent."""
        for begin, end in _covered(len(sound), sent):
            silent = first + begin - self._end
            if not self.pieces or silent > LONGEST_KEPT * CUE_FRAME:
                self.pieces += (Piece(self.samples, first + begin),)
            else:
                super().silence_until(self.samples + silent)
            self._writer.write(sound[begin:end])
            self._end = first + end

    def silence_until(self, sample: int) -> None:
        """Silence is what this stream does without."""


def _covered(samples: int, sent: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The stretches of 1/75 s, joined where they adjoin, in which something was sent."""
    grid = np.zeros(-(-samples // CUE_FRAME), dtype=bool)
    for begin, end in sent:
        grid[begin // CUE_FRAME : -(-end // CUE_FRAME)] = True
    edges = np.flatnonzero(np.diff(grid, prepend=False, append=False))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        yield int(begin) * CUE_FRAME, min(samples, int(end) * CUE_FRAME)


def cue_sheet(file: str, title: str, performer: str, pieces: Sequence[Piece]) -> str:
    """A cue sheet with a track for each piece. Its title says where in the recording it belongs;
    `REM SOURCE_SAMPLE` does so exactly, in samples at 48 kHz."""
    lines = [f'TITLE "{_quoted(title)}"', f'PERFORMER "{_quoted(performer)}"']
    lines.append(f'FILE "{_quoted(file)}" MP3')
    for number, piece in enumerate(pieces, 1):
        minutes, rest = divmod(piece.at // CUE_FRAME, 75 * 60)
        lines += [
            f"  TRACK {number:02d} AUDIO",
            f'    TITLE "{_clock(piece.source)}"',
            f"    REM SOURCE_SAMPLE {piece.source}",
            f"    REM SAMPLE {piece.at}",
            f"    INDEX 01 {minutes:02d}:{rest // 75:02d}:{rest % 75:02d}",
        ]
    return "\r\n".join(lines) + "\r\n"


def _clock(sample: int) -> str:
    milliseconds = sample * 1_000 // SAMPLE_RATE_HZ
    seconds, fraction = divmod(milliseconds, 1_000)
    return f"{seconds // 3600:d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:03d}"


def _quoted(text: str) -> str:
    """Cue sheets know no escapes."""
    return " ".join(text.replace('"', "'").split())
